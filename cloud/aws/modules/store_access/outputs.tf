output "key_arn" {
  description = "The ARN of the KMS key that encrypts the data and the secret"
  value       = aws_kms_key.this.arn
}

output "security_group_id" {
  description = "The ID of the security group of the store's nodes"
  value       = aws_security_group.this.id
}

output "password" {
  description = "The password of the bank"
  value       = random_password.this.result
  sensitive   = true
}

output "secret_arn" {
  description = "The ARN of the secret that holds the store's address"
  value       = aws_secretsmanager_secret.url.arn
}

output "secret_name" {
  description = "The name of that secret"
  value       = aws_secretsmanager_secret.url.name
}
