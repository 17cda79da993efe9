output "platform" {
  description = "What ../cluster has to know"
  value = {
    environment  = var.environment
    region       = var.region
    zone         = var.zone
    email        = var.email
    lets_encrypt = var.lets_encrypt
    auth         = var.auth
    registry     = module.registry.url
    runtime      = var.runtime
    secret_name  = local.store.secret_name
    valkey_cidrs = module.network.private_cidrs
    # With two replicas, one that is unreachable must not stop writes. With one replica it does: that is the price of losing nothing.
    # MemoryDB answers only when a write is safe, so the bank waits for no replica.
    wait_replicas = var.valkey.service == "memorydb" ? 0 : min(1, var.valkey.replicas)
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

output "github_push_role" {
  description = "The role by which a workflow of GitHub's, on main, pushes images"
  value       = module.github.push_role
}

output "exports_bucket" {
  description = "Where exports go"
  value       = module.exports.bucket
}

output "alarms_topic_arn" {
  description = "Where alarms go"
  value       = module.alarms.topic_arn
}
