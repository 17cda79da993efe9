terraform {
  required_version = ">= 1.10"

  # `cloud/aws/up` sets bucket and key. The lock is an object beside the state. The bucket encrypts both with KMS (../state).
  # `encrypt` without the name of a key would request AES256 instead.
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
  # The provider refuses to work in another environment's account.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      application = "money-bank"
      environment = var.environment
    }
  }
}
