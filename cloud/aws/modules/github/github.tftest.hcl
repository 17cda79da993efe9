# `tofu test`: whom the roles trust.

provider "aws" {
  region = "us-east-1"
}

variables {
  name         = "bank-test"
  environment  = "prod"
  repository   = "you/money-bank"
  registry_arn = "arn:aws:ecr:us-east-1:123456789012:repository/money-bank"
}

run "a_repository_with_a_wildcard_is_refused" {
  command = plan
  variables {
    repository = "you/*"
  }
  expect_failures = [var.repository]
}

run "pushing_is_for_the_bank_s_repository_alone" {
  command = plan
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.push.policy).Statement : s.Resource == var.registry_arn || s.Action == "ecr:GetAuthorizationToken"])
    error_message = "It may push elsewhere."
  }
}
