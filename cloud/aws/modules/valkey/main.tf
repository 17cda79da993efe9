# Valkey by ElastiCache, without cluster mode: one shard is more than one bank needs. Replication is asynchronous, and a
# failover may forget its last writes: so the bank waits for a replica where there is one (redis_wait_replicas).

resource "aws_kms_key" "this" {
  #checkov:skip=CKV2_AWS_64:KMS' own policy is meant: the account's IAM says who may use it
  description         = "Data and address of ${var.name}"
  enable_key_rotation = true
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Private subnets, one in each zone"
  subnet_ids  = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-valkey"
  description = "Valkey, for the nodes of the cluster alone"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-valkey" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "From nodes and pods"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = var.client_security_group_id
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.name
  family      = "valkey8"
  description = "Writes over the limit are refused: nobody's money is evicted"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

# Letters and digits alone, so that it stands in an address as it is.
resource "random_password" "this" {
  length  = 64
  special = false
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:on wherever there is a replica; dev has none
  replication_group_id       = var.name
  description                = "The bank's wallets"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.node_type
  num_cache_clusters         = var.replicas + 1
  automatic_failover_enabled = var.replicas > 0
  multi_az_enabled           = var.replicas > 0
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  port                       = 6379

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  auth_token                 = random_password.this.result
  auth_token_update_strategy = "ROTATE"

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = "03:00-04:00"
  maintenance_window         = "sun:04:30-sun:05:30"
  final_snapshot_identifier  = "${var.name}-final"
  auto_minor_version_upgrade = true
  apply_immediately          = false

  lifecycle {
    # It holds the money. Whoever means it takes this line out first.
    prevent_destroy = true
  }
}

# The address with its password, as the chart's Secret wants it; External Secrets brings it into the cluster.
resource "aws_secretsmanager_secret" "url" {
  #checkov:skip=CKV2_AWS_57:an apply rotates it, with Valkey's own; a Lambda that may set both would be one more that knows it
  name                    = "${var.name}/redis"
  description             = "Address of Valkey, with its password"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "url" {
  secret_id     = aws_secretsmanager_secret.url.id
  secret_string = jsonencode({ url = "rediss://:${random_password.this.result}@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379" })
}
