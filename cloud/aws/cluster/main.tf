# Everything that runs in the cluster: the controllers, then the bank.

# The namespace is made first, because External Secrets has rights in it only, and they are made when External Secrets is installed.
# The label is set before the bank is installed, so that Pod Security checks each pod.
resource "kubernetes_namespace_v1" "bank" {
  metadata {
    name   = "money-bank"
    labels = { "pod-security.kubernetes.io/enforce" = "restricted" }
  }
}

module "controllers" {
  source       = "../modules/controllers"
  namespace    = kubernetes_namespace_v1.bank.metadata[0].name
  cluster_name = var.platform.cluster.name
  region       = var.platform.region
  zone         = var.platform.zone
  runtime      = var.platform.runtime
  versions     = var.versions
}

module "bank" {
  source        = "../modules/bank"
  namespace     = kubernetes_namespace_v1.bank.metadata[0].name
  environment   = var.platform.environment
  runtime       = var.platform.runtime
  region        = var.platform.region
  image         = { repository = var.platform.registry, tag = var.tag, digest = var.digest }
  host          = var.platform.zone
  email         = var.platform.email
  lets_encrypt  = var.platform.lets_encrypt
  auth          = var.platform.auth
  valkey_cidrs  = var.platform.valkey_cidrs
  secret_name   = var.platform.secret_name
  wait_replicas = var.platform.wait_replicas
  depends_on    = [module.controllers]
}
