# What GitHub's workflows may do, without a key of AWS that could be lost: they show a token that GitHub signed.

locals {
  host = "token.actions.githubusercontent.com"
  # Who a token must be for: `sub` names the repository, and the branch or the environment that GitHub guards.
  subjects = {
    push = "repo:${var.repository}:ref:refs/heads/main"
    plan = "repo:${var.repository}:environment:${var.environment}-plan"
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.host}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each             = local.subjects
  name                 = "${var.name}-github-${each.key}"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = { "${local.host}:aud" = "sts.amazonaws.com", "${local.host}:sub" = each.value } }
    }]
  })
}

# Pushes images, into the bank's repository alone.
resource "aws_iam_role_policy" "push" {
  name = "push"
  role = aws_iam_role.this["push"].id
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

# Plans: reads how things are set up. The state has Valkey's password in it, so this is not for every pull request:
# GitHub's environment asks a person first.
resource "aws_iam_role_policy_attachment" "plan" {
  role       = aws_iam_role.this["plan"].name
  policy_arn = "arn:${var.partition}:iam::aws:policy/ReadOnlyAccess"
}
