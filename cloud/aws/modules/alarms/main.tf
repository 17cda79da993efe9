# Alarms for Valkey's nodes and the NAT gateways, which nothing in the cluster monitors. To monitor the bank itself, install a
# Prometheus, and set the chart's `monitoring.*`.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

resource "aws_kms_key" "this" {
  description         = "Alarms of ${var.name}"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.here.partition}:iam::${data.aws_caller_identity.here.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "CloudWatch"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
      },
    ]
  })
}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.this.id
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.email
}

locals {
  # The dimensions of a node in CloudWatch. The name of a MemoryDB node is that of its cluster, with a number.
  services = {
    elasticache = { namespace = "AWS/ElastiCache", dimensions = { for node in var.valkey_nodes : node => { CacheClusterId = node } } }
    memorydb    = { namespace = "AWS/MemoryDB", dimensions = { for node in var.valkey_nodes : node => { ClusterName = var.name, NodeName = node } } }
  }
  service = local.services[var.valkey_service]
  # Each node of Valkey has these alarms. A full node is the worst case, because it refuses every deposit.
  valkey = merge(local.everywhere, var.valkey_service == "elasticache" ? local.asynchronous : {})
  asynchronous = {
    lag = {
      metric = "ReplicationLag", statistic = "Maximum", above = 5, text = "a replica is seconds behind: a failover would forget them"
    }
  }
  everywhere = {
    memory = {
      metric = "DatabaseMemoryUsagePercentage", statistic = "Maximum", above = 75, text = "memory is nearly full (then writes are refused), or the node is dead and sends no metrics"
    }
    cpu = {
      metric = "EngineCPUUtilization", statistic = "Average", above = 70, text = "its one thread is busy: requests will miss their deadline"
    }
    evictions = {
      metric = "Evictions", statistic = "Sum", above = 0, text = "keys were evicted: money is missing, see bank verify"
    }
  }
  alarms = merge([for node in var.valkey_nodes : { for name, alarm in local.valkey : "${node}-${name}" => merge(alarm, { node = node }) }]...)
}

resource "aws_cloudwatch_metric_alarm" "valkey" {
  for_each            = local.alarms
  alarm_name          = each.key
  alarm_description   = "Valkey: ${each.value.text}"
  namespace           = local.service.namespace
  metric_name         = each.value.metric
  dimensions          = local.service.dimensions[each.value.node]
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = each.key == "${each.value.node}-evictions" ? 1 : 5
  # A dead node sends no metrics. Only one alarm of each node reports that.
  treat_missing_data = each.key == "${each.value.node}-memory" ? "breaching" : "missing"
  alarm_actions      = [aws_sns_topic.this.arn]
  ok_actions         = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_metric_alarm" "nat" {
  count               = length(var.nat_gateway_ids)
  alarm_name          = "${var.name}-nat-${count.index}"
  alarm_description   = "The NAT gateway has no ports left: the bank cannot fetch exchange rates and the issuer's keys"
  namespace           = "AWS/NATGateway"
  metric_name         = "ErrorPortAllocation"
  dimensions          = { NatGatewayId = var.nat_gateway_ids[count.index] }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
}
