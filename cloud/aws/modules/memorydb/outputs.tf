output "id" {
  description = "The cluster"
  value       = aws_memorydb_cluster.this.id
}

output "nodes" {
  description = "Its nodes' names, as CloudWatch has them"
  value       = [for i in range(var.replicas + 1) : format("%s-0001-%03d", var.name, i + 1)]
}

output "secret_arn" {
  description = "The secret with its address"
  value       = module.access.secret_arn
}

output "secret_name" {
  description = "Its name"
  value       = module.access.secret_name
}

output "key_arn" {
  description = "The key of data and secret"
  value       = module.access.key_arn
}
