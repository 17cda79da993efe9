# MemoryDB, for whoever must not lose what was acknowledged: by its documentation a write is in a log in several zones before
# it is answered, so a failover forgets nothing and the bank waits for no replica. It is a cluster of one shard: more do not
# help one bank (docs/scale.md).

resource "aws_kms_key" "this" {
  #checkov:skip=CKV2_AWS_64:KMS' own policy is meant: the account's IAM says who may use it
  description         = "Data and address of ${var.name}"
  enable_key_rotation = true
}

resource "aws_memorydb_subnet_group" "this" {
  name        = var.name
  description = "Private subnets, one in each zone"
  subnet_ids  = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-memorydb"
  description = "MemoryDB, for the nodes of the cluster alone"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-memorydb" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "From nodes and pods"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = var.client_security_group_id
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

# Letters and digits alone, so that it stands in an address as it is.
resource "random_password" "this" {
  length  = 64
  special = false
}

# No more than the bank, its exports and `bank verify` need: docs/redis.md, docs/backup.md.
resource "aws_memorydb_user" "this" {
  user_name     = var.name
  access_string = "on ~bank:* -@all +eval +get +set +incrby +cluster|slots +cluster|nodes +asking +mget +scan +info"
  authentication_mode {
    type      = "password"
    passwords = [random_password.this.result]
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
  security_group_ids     = [aws_security_group.this.id]
  port                   = 6379

  tls_enabled = true
  kms_key_arn = aws_kms_key.this.arn

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = "03:00-04:00"
  maintenance_window         = "sun:04:30-sun:05:30"
  final_snapshot_name        = "${var.name}-final"
  auto_minor_version_upgrade = true

  lifecycle {
    # It holds the money. Whoever means it takes this line out first.
    prevent_destroy = true
  }
}

# The address with its password, as the chart's Secret wants it; External Secrets brings it into the cluster.
resource "aws_secretsmanager_secret" "url" {
  #checkov:skip=CKV2_AWS_57:an apply rotates it, with the user's own; a Lambda that may set both would be one more that knows it
  name                    = "${var.name}/redis"
  description             = "Address of MemoryDB, with its password"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}

# Its one name leads to all nodes, of which each knows the others.
resource "aws_secretsmanager_secret_version" "url" {
  secret_id     = aws_secretsmanager_secret.url.id
  secret_string = jsonencode({ url = "rediss://${aws_memorydb_user.this.user_name}:${random_password.this.result}@${aws_memorydb_cluster.this.cluster_endpoint[0].address}:6379" })
}
