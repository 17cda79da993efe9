variable "namespace" {
  description = "Where the bank is: the only namespace that External Secrets serves"
  type        = string
}

variable "cluster_name" {
  description = "The cluster"
  type        = string
}

variable "region" {
  description = "Where it is"
  type        = string
}

variable "zone" {
  description = "The domain in which external-dns writes"
  type        = string
}

variable "runtime" {
  description = "spinkube: the operator too"
  type        = string
}

variable "versions" {
  description = "Of the charts"
  type = object({
    cert_manager       = string
    cluster_autoscaler = string
    external_dns       = string
    external_secrets   = string
    spin_operator      = string
    traefik            = string
  })
}
