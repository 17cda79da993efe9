# Everything that runs in the cluster: the controllers, then the bank.

module "controllers" {
  source       = "../modules/controllers"
  cluster_name = var.platform.cluster.name
  region       = var.platform.region
  zone         = var.platform.zone
  runtime      = var.platform.runtime
  versions     = var.versions
}

module "bank" {
  source        = "../modules/bank"
  environment   = var.platform.environment
  runtime       = var.platform.runtime
  region        = var.platform.region
  image         = { repository = var.platform.registry, tag = var.tag }
  host          = var.platform.zone
  email         = var.platform.email
  lets_encrypt  = var.platform.lets_encrypt
  auth          = var.platform.auth
  valkey_cidrs  = var.platform.valkey_cidrs
  secret_name   = var.platform.secret_name
  wait_replicas = var.platform.wait_replicas
  depends_on    = [module.controllers]
}
