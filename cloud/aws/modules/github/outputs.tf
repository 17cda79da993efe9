output "push_role" {
  description = "The role that pushes images"
  value       = aws_iam_role.push.arn
}
