output "id" {
  description = "The ID of the cluster"
  value       = aws_memorydb_cluster.this.id
}

output "nodes" {
  description = "The names of the nodes, as CloudWatch has them"
  value       = [for i in range(var.replicas + 1) : format("%s-0001-%03d", var.name, i + 1)]
}

output "secret_arn" {
  description = "The ARN of the secret that holds the store's address"
  value       = module.access.secret_arn
}

output "secret_name" {
  description = "The name of that secret"
  value       = module.access.secret_name
}

output "key_arn" {
  description = "The ARN of the KMS key that encrypts the data and the secret"
  value       = module.access.key_arn
}
