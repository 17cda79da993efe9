output "key_arn" {
  description = "The key of data and secret"
  value       = aws_kms_key.this.arn
}

output "security_group_id" {
  description = "The group that the store's nodes are in"
  value       = aws_security_group.this.id
}

output "password" {
  description = "What the bank signs in with"
  value       = random_password.this.result
  sensitive   = true
}

output "secret_arn" {
  description = "The secret with the store's address"
  value       = aws_secretsmanager_secret.url.arn
}

output "secret_name" {
  description = "Its name"
  value       = aws_secretsmanager_secret.url.name
}
