output "arn" {
  description = "The ARN of the log group"
  value       = aws_cloudwatch_log_group.this.arn
}

output "key_arn" {
  description = "The ARN of the KMS key that encrypts the logs"
  value       = aws_kms_key.this.arn
}
