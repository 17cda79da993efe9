terraform {
  required_version = ">= 1.10"

  # `cloud/aws/up` sets bucket and key. The lock is an object beside the state. The bucket encrypts both with KMS (../state);
  # `encrypt` without a key's name would ask for AES256 instead.
  backend "s3" {
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region = var.region
  # A sign-in to another environment's account is refused.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      application = "money-bank"
      environment = var.environment
    }
  }
}
