# The add-ons of the cluster. The network plugin enforces the chart's NetworkPolicies. The chart's autoscaler reads the metrics server.

locals {
  addons = {
    vpc-cni                = jsonencode({ enableNetworkPolicy = "true" })
    kube-proxy             = null
    eks-pod-identity-agent = null
  }
  # These add-ons run in pods, so they are ready only when there are nodes.
  addons_on_nodes = toset(["coredns", "metrics-server"])
}

resource "aws_eks_addon" "on_every_node" {
  for_each                    = local.addons
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "on_some" {
  for_each                    = local.addons_on_nodes
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  depends_on                  = [aws_eks_node_group.this]
}
