# Everything that an environment has in AWS, starting from an empty account. ../cluster has what runs in the cluster. It must be
# applied from a machine that can reach the API server. In prod such a machine is in the VPC, so the VPC must exist first.

locals {
  name = "bank-${var.environment}"
  # The store, run by either service.
  store = one(concat(module.valkey, module.memorydb))
}

module "network" {
  source           = "../modules/network"
  name             = local.name
  cidr             = var.cidr
  nat_in_each_zone = var.nat_in_each_zone
  endpoints        = var.endpoints
  log_days         = var.log_days
}

module "dns" {
  source = "../modules/dns"
  zone   = var.zone
}

module "eks" {
  source              = "../modules/eks"
  name                = local.name
  kubernetes_version  = var.kubernetes_version
  subnet_ids          = module.network.private_subnet_ids
  vpc_cidr            = module.network.cidr
  public_access_cidrs = var.public_api ? var.office_cidrs : []
  admins              = var.admins
  node_groups         = var.node_groups
  shim                = var.runtime == "spinkube" ? var.shim : null
  zone_id             = module.dns.zone_id
  secret_arn          = local.store.secret_arn
  secret_key_arn      = local.store.key_arn
  log_days            = var.log_days
  deletion_protection = var.deletion_protection
}

module "valkey" {
  count                    = var.valkey.service == "elasticache" ? 1 : 0
  source                   = "../modules/valkey"
  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.eks.security_group_id
  node_type                = var.valkey.node_type
  replicas                 = var.valkey.replicas
  snapshot_days            = var.valkey.snapshot_days
  rotation                 = var.rotation
}

module "memorydb" {
  count                    = var.valkey.service == "memorydb" ? 1 : 0
  source                   = "../modules/memorydb"
  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.eks.security_group_id
  node_type                = var.valkey.node_type
  replicas                 = var.valkey.replicas
  snapshot_days            = var.valkey.snapshot_days
  rotation                 = var.rotation
}

module "registry" {
  source = "../modules/registry"
  name   = "money-bank"
}

module "exports" {
  source    = "../modules/exports"
  name      = local.name
  kept_days = var.exports_kept_days
}

module "alarms" {
  source          = "../modules/alarms"
  name            = local.name
  email           = var.email
  valkey_service  = var.valkey.service
  valkey_nodes    = local.store.nodes
  nat_gateway_ids = module.network.nat_gateway_ids
}

module "budget" {
  source          = "../modules/budget"
  name            = local.name
  monthly_dollars = var.monthly_dollars
  email           = var.email
}

module "github" {
  source       = "../modules/github"
  name         = local.name
  repository   = var.repository
  registry_arn = module.registry.arn
}
