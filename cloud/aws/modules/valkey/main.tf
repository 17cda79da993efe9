# Valkey by ElastiCache, without cluster mode: one shard is more than one bank needs. Replication is asynchronous, and a
# failover may lose the last writes. So the bank waits for a replica, if there is one (redis_wait_replicas).

module "access" {
  source                   = "../store_access"
  name                     = var.name
  service                  = "Valkey"
  vpc_id                   = var.vpc_id
  client_security_group_id = var.client_security_group_id
  user                     = ""
  rotation                 = var.rotation
  address                  = aws_elasticache_replication_group.this.primary_endpoint_address
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Private subnets, one in each zone"
  subnet_ids  = var.subnet_ids
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

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:it is on if there is a replica; dev has none
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
  security_group_ids         = [module.access.security_group_id]
  port                       = 6379

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = module.access.key_arn
  auth_token                 = module.access.password
  # ROTATE keeps the old password valid beside the new one, so that the store serves the bank until its pods have the new one.
  # SET ends that (cloud/README.md).
  auth_token_update_strategy = "ROTATE"

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = "03:00-04:00"
  maintenance_window         = "sun:04:30-sun:05:30"
  final_snapshot_identifier  = "${var.name}-final"
  auto_minor_version_upgrade = true
  apply_immediately          = false

  lifecycle {
    # The store holds the money. To destroy it on purpose, delete this line first.
    prevent_destroy = true
  }
}
