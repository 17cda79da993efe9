# The rights of GitHub's workflows. A workflow signs in with a token that GitHub signed, so there is no AWS key that could leak.

locals {
  host = "token.actions.githubusercontent.com"
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.host}"
  client_id_list = ["sts.amazonaws.com"]
}

# `sub` names the repository and its branch. If a repository was made, renamed or transferred since 2026-07-15, GitHub adds the
# numbers of owner and repository, so that nobody is trusted who takes over a free name. IAM compares the whole string: with the
# other form the role trusts nobody. No GitHub environment is trusted, because anyone who may push a branch can name one.
resource "aws_iam_role" "push" {
  name                 = "${var.name}-github-push"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.host}:aud" = "sts.amazonaws.com"
        "${local.host}:sub" = "repo:${var.repository}:ref:refs/heads/main"
      } }
    }]
  })
}

# The role may push images to the bank's repository, and nothing else.
resource "aws_iam_role_policy" "push" {
  name = "push"
  role = aws_iam_role.push.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      {
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = var.registry_arn
      },
    ]
  })
}
