variable "namespace" {
  description = "The namespace of the bank. External Secrets serves no other namespace"
  type        = string
}

variable "cluster_name" {
  description = "The name of the cluster"
  type        = string
}

variable "region" {
  description = "The AWS region of the cluster"
  type        = string
}

variable "zone" {
  description = "The domain that External DNS may write to"
  type        = string
}

variable "runtime" {
  description = "What runs the application: spinkube or bank. With spinkube, SpinKube's operator is installed too"
  type        = string
}

variable "versions" {
  description = "The versions of the controllers' charts"
  type = object({
    cert_manager       = string
    cluster_autoscaler = string
    external_dns       = string
    external_secrets   = string
    spin_operator      = string
    traefik            = string
  })
}
