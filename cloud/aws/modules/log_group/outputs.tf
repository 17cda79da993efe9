output "arn" {
  description = "The log group"
  value       = aws_cloudwatch_log_group.this.arn
}

output "key_arn" {
  description = "Its key"
  value       = aws_kms_key.this.arn
}
