# Pod Identity: the rights of each service account in AWS. A pod of another service account has no rights, unless it is on its
# node's network (hostNetwork). Such a pod can use the node's role, which may change network interfaces (nodes.tf).

locals {
  identities = {
    autoscaler = {
      namespace = "kube-system"
      account   = "cluster-autoscaler"
      statements = [
        {
          Effect = "Allow"
          Action = [
            "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
            "autoscaling:DescribeScalingActivities", "ec2:DescribeImages", "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements", "eks:DescribeNodegroup",
          ]
          Resource = "*"
        },
        {
          Effect    = "Allow"
          Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
          Resource  = "*"
          Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.name}" = "owned" } }
        },
      ]
    }
    dns = {
      namespace = "external-dns"
      account   = "external-dns"
      statements = [
        {
          Effect   = "Allow"
          Action   = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
          Resource = "arn:${data.aws_partition.here.partition}:route53:::hostedzone/${var.zone_id}"
        },
        {
          Effect   = "Allow"
          Action   = ["route53:ListHostedZones", "route53:ListTagsForResources"]
          Resource = "*"
        },
      ]
    }
    # The operator may read only the bank's secret, and no other secret of the account.
    secrets = {
      namespace = "external-secrets"
      account   = "external-secrets"
      statements = [
        {
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
          Resource = var.secret_arn
        },
        {
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = var.secret_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.here.region}.${data.aws_partition.here.dns_suffix}" } }
        },
      ]
    }
  }
}

resource "aws_iam_role" "pod" {
  for_each = local.identities
  name     = "${var.name}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      # Only clusters of this account may use the role. Without the condition the service could assume it for any account.
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "pod" {
  for_each = local.identities
  name     = each.key
  role     = aws_iam_role.pod[each.key].id
  policy   = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_eks_pod_identity_association" "this" {
  for_each        = local.identities
  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.account
  role_arn        = aws_iam_role.pod[each.key].arn
}
