# MemoryDB, for banks that must not lose an acknowledged write. By its documentation a write is in a log in several zones before
# it is answered, so a failover loses nothing and the bank waits for no replica. It is a cluster of one shard: more do not
# help one bank (docs/scale.md).

module "access" {
  source                   = "../store_access"
  name                     = var.name
  service                  = "MemoryDB"
  vpc_id                   = var.vpc_id
  client_security_group_id = var.client_security_group_id
  user                     = aws_memorydb_user.this.user_name
  rotation                 = var.rotation
  # One host name leads to all nodes, and each node knows the others.
  address = aws_memorydb_cluster.this.cluster_endpoint[0].address
}

resource "aws_memorydb_subnet_group" "this" {
  name        = var.name
  description = "Private subnets, one in each zone"
  subnet_ids  = var.subnet_ids
}

resource "aws_memorydb_parameter_group" "this" {
  name        = var.name
  family      = "memorydb_valkey7"
  description = "Writes over the limit are refused: nobody's money is evicted"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

# Only the rights that the bank, its exports and `bank verify` need: docs/redis.md, docs/backup.md.
resource "aws_memorydb_user" "this" {
  user_name     = var.name
  access_string = "on ~bank:* -@all +eval +get +set +incrby +cluster|slots +cluster|nodes +asking +mget +scan +info"
  authentication_mode {
    type      = "password"
    passwords = [module.access.password]
  }
}

resource "aws_memorydb_acl" "this" {
  name       = var.name
  user_names = [aws_memorydb_user.this.user_name]
}

resource "aws_memorydb_cluster" "this" {
  name                   = var.name
  description            = "The bank's wallets"
  engine                 = "valkey"
  engine_version         = "7.3"
  node_type              = var.node_type
  num_shards             = 1
  num_replicas_per_shard = var.replicas
  acl_name               = aws_memorydb_acl.this.name
  parameter_group_name   = aws_memorydb_parameter_group.this.name
  subnet_group_name      = aws_memorydb_subnet_group.this.name
  security_group_ids     = [module.access.security_group_id]
  port                   = 6379

  tls_enabled = true
  kms_key_arn = module.access.key_arn

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = "03:00-04:00"
  maintenance_window         = "sun:04:30-sun:05:30"
  final_snapshot_name        = "${var.name}-final"
  auto_minor_version_upgrade = true

  lifecycle {
    # The store holds the money. To destroy it on purpose, delete this line first.
    prevent_destroy = true
  }
}
