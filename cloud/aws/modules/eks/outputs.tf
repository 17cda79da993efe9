output "name" {
  description = "The name of the cluster"
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "The address of the API server"
  value       = aws_eks_cluster.this.endpoint
}

output "ca_certificate" {
  description = "The certificate of the authority that signed the API server's certificate, in base64"
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "The ID of the security group of nodes and pods"
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
