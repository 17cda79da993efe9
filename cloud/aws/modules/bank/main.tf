# The bank, installed by this repository's chart. The chart's values files contain what differs between environments. This module
# adds what depends on the account: image, Valkey, networks, host name, issuer.

locals {
  chart  = "${path.module}/../../../../k8s/chart"
  secret = "bank-valkey"
  values = {
    runtime = var.runtime
    image = {
      repository = var.image.repository
      tag        = var.image.tag
      digest     = var.image.digest
    }
    host = var.host
    auth = {
      mode     = "jwt"
      issuer   = var.auth.issuer
      audience = var.auth.audience
      clientId = var.auth.client_id
    }
    settings = { store = "redis", redisWaitReplicas = var.wait_replicas }
    redis = {
      enabled  = false
      external = { secretName = local.secret, port = 6379 }
    }
    runtimeClass  = { create = var.runtime == "spinkube", handler = "spin", nodeSelector = { spin = "true" } }
    networkPolicy = { redisCidrs = var.valkey_cidrs }
    tls = {
      mode = "certManager"
      certManager = {
        issuer      = "letsencrypt-${var.lets_encrypt}"
        letsEncrypt = var.lets_encrypt
        email       = var.email
      }
    }
    # The cluster has no driver for disks, so a claim would not be bound. A bucket needs an AWS key, which nothing here makes.
    # cloud/README.md says how to turn exports on.
    backup       = { enabled = false }
    test         = { skipVerification = var.lets_encrypt == "staging" }
    extraObjects = local.objects
  }
  objects = [
    # Without `auth` the SecretStore uses the role of External Secrets. The operator serves this namespace only.
    {
      apiVersion = "external-secrets.io/v1"
      kind       = "SecretStore"
      metadata   = { name = "aws" }
      spec       = { provider = { aws = { service = "SecretsManager", region = var.region } } }
    },
    {
      apiVersion = "external-secrets.io/v1"
      kind       = "ExternalSecret"
      metadata   = { name = local.secret }
      spec = {
        refreshInterval = "1h"
        secretStoreRef  = { name = "aws", kind = "SecretStore" }
        target          = { name = local.secret }
        data            = [{ secretKey = "url", remoteRef = { key = var.secret_name, property = "url" } }]
      }
    },
  ]
}

resource "helm_release" "this" {
  name      = "bank"
  chart     = local.chart
  namespace = var.namespace
  atomic    = true
  timeout   = 900
  values = [
    file("${local.chart}/values-${var.environment}.yaml"),
    file("${local.chart}/controllers/traefik.yaml"),
    yamlencode(local.values),
  ]
}
