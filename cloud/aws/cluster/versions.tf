terraform {
  required_version = ">= 1.10"

  # `cloud/aws/up` sets bucket and key. The lock is an object beside the state. The bucket encrypts both with KMS (../state).
  # `encrypt` without the name of a key would request AES256 instead.
  backend "s3" {
    use_lockfile = true
  }

  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.1"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

# Each run gets a token for the role that runs it, so no key is stored.
locals {
  token = {
    api_version = "client.authentication.k8s.io/v1"
    command     = "aws"
    args        = ["eks", "get-token", "--cluster-name", var.platform.cluster.name, "--region", var.platform.region]
  }
}

provider "kubernetes" {
  host                   = var.platform.cluster.endpoint
  cluster_ca_certificate = base64decode(var.platform.cluster.ca_certificate)

  exec {
    api_version = local.token.api_version
    command     = local.token.command
    args        = local.token.args
  }
}

provider "helm" {
  kubernetes = {
    host                   = var.platform.cluster.endpoint
    cluster_ca_certificate = base64decode(var.platform.cluster.ca_certificate)
    exec                   = local.token
  }
}
