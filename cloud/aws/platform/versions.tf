terraform {
  required_version = ">= 1.10"

  # Bucket and key are said by `cloud/aws/up`. The lock is an object beside the state.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
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
  # Another environment's sign-in is refused.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      application = "money-bank"
      environment = var.environment
    }
  }
}
