output "roles" {
  description = "The roles, by what they are for: push, plan"
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
