output "url" {
  description = "The address of the ECR repository, without a tag"
  value       = aws_ecr_repository.this.repository_url
}

output "arn" {
  description = "The ARN of the ECR repository"
  value       = aws_ecr_repository.this.arn
}
