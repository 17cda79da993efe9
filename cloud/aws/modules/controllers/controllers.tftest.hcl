# `tofu test`: what the controllers may do outside of the bank's namespace.

variables {
  namespace    = "money-bank"
  cluster_name = "bank-test"
  region       = "us-east-1"
  zone         = "bank.example.com"
  runtime      = "bank"
  versions = {
    cert_manager       = "1"
    cluster_autoscaler = "1"
    external_dns       = "1"
    external_secrets   = "1"
    spin_operator      = "1"
    traefik            = "1"
  }
}

run "external_secrets_serves_the_banks_namespace_alone" {
  command = plan
  assert {
    condition     = yamldecode(helm_release.this["external-secrets"].values[0]).scopedNamespace == "money-bank" && yamldecode(helm_release.this["external-secrets"].values[0]).scopedRBAC
    error_message = "A SecretStore in any namespace would read the bank's secret."
  }
}
