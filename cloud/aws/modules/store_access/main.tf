# Access to a store: its key, its security group, its password, and the secret that brings its address into the cluster. All of
# this is the same for Valkey and MemoryDB.

resource "aws_kms_key" "this" {
  #checkov:skip=CKV2_AWS_64:KMS' own policy is meant: the account's IAM says who may use it
  description         = "Data and address of ${var.name}"
  enable_key_rotation = true
}

resource "aws_security_group" "this" {
  name        = "${var.name}-${lower(var.service)}"
  description = "${var.service}, for the nodes of the cluster alone"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-${lower(var.service)}" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "From nodes and pods"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = var.client_security_group_id
}

# Letters and digits only, so that an address needs no encoding.
resource "random_password" "this" {
  length  = 64
  special = false
  keepers = { rotation = var.rotation }
}

# The address with its password, in the form of the chart's Secret. External Secrets copies it into the cluster.
resource "aws_secretsmanager_secret" "url" {
  #checkov:skip=CKV2_AWS_57:nothing rotates it by itself: whoever raises `rotation` does, with the store's password; a Lambda that may set both would be one more place that knows it
  name                    = "${var.name}/redis"
  description             = "Address of ${var.service}, with its password"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "url" {
  secret_id     = aws_secretsmanager_secret.url.id
  secret_string = jsonencode({ url = "rediss://${var.user}:${random_password.this.result}@${var.address}:6379" })
}
