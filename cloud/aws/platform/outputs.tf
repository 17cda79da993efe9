output "platform" {
  description = "What ../cluster has to know"
  value = {
    environment     = var.environment
    region          = var.region
    zone            = var.zone
    email           = var.email
    lets_encrypt    = var.lets_encrypt
    auth            = var.auth
    registry        = module.registry.url
    secret_name     = module.valkey.secret_name
    valkey_cidrs    = module.network.private_cidrs
    valkey_replicas = var.valkey.replicas
    cluster = {
      name           = module.eks.name
      endpoint       = module.eks.endpoint
      ca_certificate = module.eks.ca_certificate
    }
  }
}

output "name_servers" {
  description = "What the domain above `zone` must name as its servers"
  value       = module.dns.name_servers
}

output "github_roles" {
  description = "Roles of GitHub's workflows"
  value       = module.github.roles
}

output "exports_bucket" {
  description = "Where exports go"
  value       = module.exports.bucket
}

output "alarms_topic_arn" {
  description = "Where alarms go"
  value       = module.alarms.topic_arn
}
