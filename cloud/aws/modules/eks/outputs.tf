output "name" {
  description = "The cluster"
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Its API server"
  value       = aws_eks_cluster.this.endpoint
}

output "ca_certificate" {
  description = "Who signed its certificate, in base64"
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "What nodes and pods belong to"
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
