output "push_role" {
  description = "The ARN of the role that pushes images"
  value       = aws_iam_role.push.arn
}
