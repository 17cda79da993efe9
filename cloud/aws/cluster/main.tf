# All that runs in the cluster: the controllers, then the bank.

module "controllers" {
  source       = "../modules/controllers"
  cluster_name = var.platform.cluster.name
  region       = var.platform.region
  zone         = var.platform.zone
  versions     = var.versions
}

module "bank" {
  source       = "../modules/bank"
  environment  = var.platform.environment
  region       = var.platform.region
  image        = { repository = var.platform.registry, tag = var.tag }
  host         = var.platform.zone
  email        = var.platform.email
  lets_encrypt = var.platform.lets_encrypt
  auth         = var.platform.auth
  valkey_cidrs = var.platform.valkey_cidrs
  secret_name  = var.platform.secret_name
  # One of two that is away must not stop writes. With one alone, that is the price of losing nothing.
  wait_replicas = min(1, var.platform.valkey_replicas)
  depends_on    = [module.controllers]
}
