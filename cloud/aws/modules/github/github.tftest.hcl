# `tofu test`: which tokens the role trusts, and what it may do.

provider "aws" {
  region = "us-east-1"
}

variables {
  name         = "bank-test"
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

run "an_owner_with_a_number_and_a_name_without_one_is_refused" {
  command = plan
  variables {
    repository = "you@1234567/money-bank"
  }
  expect_failures = [var.repository]
}

run "the_role_may_push_to_the_bank_s_repository_and_nothing_else" {
  command = plan
  assert {
    condition = jsondecode(aws_iam_role_policy.push.policy) == {
      Version = "2012-10-17"
      Statement = [
        { Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
        {
          Effect = "Allow"
          Action = [
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
          ]
          Resource = "arn:aws:ecr:us-east-1:123456789012:repository/money-bank"
        },
      ]
    }
    error_message = "The role has other rights than those to push to the bank's repository."
  }
}

run "main_of_the_repository_is_trusted_and_nothing_else" {
  command = plan
  override_resource {
    target = aws_iam_openid_connect_provider.github
    values = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  assert {
    condition = jsondecode(aws_iam_role.push.assume_role_policy).Statement[*].Condition == [{ StringEquals = {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "repo:you/money-bank:ref:refs/heads/main"
    } }]
    error_message = "It trusts somebody else."
  }
}

# The form of GitHub's tokens since 2026-07-15.
run "main_of_the_repository_with_these_numbers_is_trusted_and_nothing_else" {
  command = plan
  variables {
    repository = "you_corp@1234567/money-bank@123456789"
  }
  override_resource {
    target = aws_iam_openid_connect_provider.github
    values = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  assert {
    condition = jsondecode(aws_iam_role.push.assume_role_policy).Statement[*].Condition == [{ StringEquals = {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "repo:you_corp@1234567/money-bank@123456789:ref:refs/heads/main"
    } }]
    error_message = "It trusts somebody else."
  }
}
