# The zone of the bank's name. external-dns writes the bank's address. Only cert-manager's issuer may issue certificates for it.

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:DNSSEC needs a key in the parent domain, published by hand: a zone signed without it does not resolve
  #checkov:skip=CKV2_AWS_39:queries for a public name need no log here
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
