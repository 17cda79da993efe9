output "platform" {
  description = "The input of ../cluster"
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
    # The bank waits for one replica, so of two replicas one may be unreachable. If the only replica is unreachable, writes fail:
    # otherwise a failover could lose them. MemoryDB answers only when a write is safe, so the bank waits for no replica.
    wait_replicas = var.valkey.service == "memorydb" ? 0 : min(1, var.valkey.replicas)
    cluster = {
      name           = module.eks.name
      endpoint       = module.eks.endpoint
      ca_certificate = module.eks.ca_certificate
    }
  }
}

output "name_servers" {
  description = "The name servers of `zone`. The parent zone must delegate to them"
  value       = module.dns.name_servers
}

output "github_push_role" {
  description = "The ARN of the role that GitHub workflows on main use to push images"
  value       = module.github.push_role
}

output "exports_bucket" {
  description = "The name of the bucket for exports"
  value       = module.exports.bucket
}

output "alarms_topic_arn" {
  description = "The ARN of the SNS topic that alarms are sent to"
  value       = module.alarms.topic_arn
}
