# The controllers that the bank needs, each installed by its own project's chart: SpinKube, ingress, certificates, DNS, secrets,
# nodes.

locals {
  releases = {
    cert-manager = {
      repository = "https://charts.jetstack.io", chart = "cert-manager", version = var.versions.cert_manager
      namespace  = "cert-manager"
      values     = { crds = { enabled = true } }
    }
    external-secrets = {
      repository = "https://charts.external-secrets.io", chart = "external-secrets", version = var.versions.external_secrets
      namespace  = "external-secrets"
      # The operator's role in AWS reads the bank's secret for anyone who makes a SecretStore. So the operator serves only the
      # bank's namespace, and has no rights in Kubernetes for Secrets of other namespaces. Only its cert-controller has such rights, and
      # that has no role in AWS.
      values = {
        serviceAccount  = { name = "external-secrets" }
        scopedNamespace = var.namespace
        scopedRBAC      = true
      }
    }
    external-dns = {
      repository = "https://kubernetes-sigs.github.io/external-dns", chart = "external-dns", version = var.versions.external_dns
      namespace  = "external-dns"
      values = {
        serviceAccount = { name = "external-dns" }
        provider       = { name = "aws" }
        sources        = ["ingress"]
        policy         = "sync"
        txtOwnerId     = var.cluster_name
        domainFilters  = [var.zone]
      }
    }
    # The load balancer forwards TCP connections: Traefik terminates TLS.
    traefik = {
      repository = "https://traefik.github.io/charts", chart = "traefik", version = var.versions.traefik
      namespace  = "traefik"
      values = {
        deployment   = { replicas = 2 }
        ingressClass = { name = "traefik" }
        providers    = { kubernetesIngress = { publishedService = { enabled = true } } }
        service = {
          annotations = {
            "service.beta.kubernetes.io/aws-load-balancer-type"                              = "nlb"
            "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled" = "true"
          }
        }
      }
    }
    cluster-autoscaler = {
      repository = "https://kubernetes.github.io/autoscaler", chart = "cluster-autoscaler", version = var.versions.cluster_autoscaler
      namespace  = "kube-system"
      values = {
        autoDiscovery = { clusterName = var.cluster_name }
        awsRegion     = var.region
        rbac          = { serviceAccount = { name = "cluster-autoscaler" } }
        extraArgs     = { balance-similar-node-groups = true }
      }
    }
  }
}

resource "helm_release" "this" {
  for_each         = local.releases
  name             = each.key
  repository       = each.value.repository
  chart            = each.value.chart
  version          = each.value.version
  namespace        = each.value.namespace
  create_namespace = true
  atomic           = true
  timeout          = 600
  values           = [yamlencode(each.value.values)]
}

# cert-manager issues the certificates of the operator's webhooks. The operator's chart has no CRDs: `cloud/aws/up` installs them.
resource "helm_release" "spin_operator" {
  count            = var.runtime == "spinkube" ? 1 : 0
  name             = "spin-operator"
  repository       = "oci://ghcr.io/spinframework/charts"
  chart            = "spin-operator"
  version          = var.versions.spin_operator
  namespace        = "spin-operator"
  create_namespace = true
  atomic           = true
  timeout          = 600
  depends_on       = [helm_release.this]
}
