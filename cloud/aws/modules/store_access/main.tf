# Access to a store: its KMS key, its security group, its password, and the secret that holds its address. All of this is the
# same for Valkey and MemoryDB.

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

# The password has only letters and digits, so that it needs no encoding in the address.
resource "random_password" "this" {
  length  = 64
  special = false
  keepers = { rotation = var.rotation }
}

# The secret holds the address with the password, in the form of the chart's Secret. External Secrets copies it into the cluster.
resource "aws_secretsmanager_secret" "url" {
  #checkov:skip=CKV2_AWS_57:a person rotates the password by raising `rotation`; a Lambda that rotates it would know the password too
  name                    = "${var.name}/redis"
  description             = "Address of ${var.service}, with its password"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "url" {
  secret_id     = aws_secretsmanager_secret.url.id
  secret_string = jsonencode({ url = "rediss://${var.user}:${random_password.this.result}@${var.address}:6379" })
}
