# The zone of the bank's host name. External DNS writes the bank's address into it. Only Let's Encrypt may issue certificates for it.

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:DNSSEC needs a record in the parent zone, which a person must write: a signed zone without it does not resolve
  #checkov:skip=CKV2_AWS_39:nobody needs a log of queries for a public name
  name    = var.zone
  comment = "The bank"
}

resource "aws_route53_record" "caa" {
  zone_id = aws_route53_zone.this.zone_id
  name    = var.zone
  type    = "CAA"
  ttl     = 3600
  records = ["0 issue \"letsencrypt.org\"", "0 issuewild \";\""]
}
