# The zone of the bank's name. external-dns writes its address; cert-manager's issuer may alone certify it.

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:DNSSEC needs the domain above to publish a key, by hand: a zone signed without it is not reached
  #checkov:skip=CKV2_AWS_39:who looks a public name up is nobody's business here
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
