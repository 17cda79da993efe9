# Your own settings, in mine.ENV.tfvars.

variable "account" {
  description = "The account of AWS that this environment is in, and no other"
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account's number has 12 digits, and stands in quotes."
  }
}

variable "region" {
  description = "Of AWS"
  type        = string
}

variable "zone" {
  description = "The domain of this environment, such as bank.example.com"
  type        = string
}

variable "email" {
  description = "Who hears of alarms, of the budget and of certificates"
  type        = string
}

variable "admins" {
  description = "Who administers the cluster: ARNs of roles, by a name for each"
  type        = map(string)
}

variable "office_cidrs" {
  description = "From where the API server is reached, where public_api is true"
  type        = list(string)
}

variable "repository" {
  description = "On GitHub, as its tokens name it: owner@ID/name@ID, or owner/name (mine.tfvars.example)"
  type        = string
}

variable "auth" {
  description = "Who says who a user is: the issuer, the audience of its tokens, the dashboard's client"
  type = object({
    issuer    = string
    audience  = string
    client_id = string
  })
}

variable "rotation" {
  description = "Raise it, and the store gets another password"
  type        = number
  default     = 1
}

variable "runtime" {
  description = "spinkube: SpinKube's operator, and its shim on each node. bank: a Deployment of the image that has bank in it; nodes are as they come"
  type        = string
  default     = "spinkube"
  validation {
    condition     = contains(["spinkube", "bank"], var.runtime)
    error_message = "The runtime is spinkube or bank."
  }
}

variable "shim" {
  description = "With SpinKube: where nodes get containerd-shim-spin, and the SHA-256 of it, by architecture"
  type = object({
    urls   = map(string)
    sha256 = map(string)
  })
  default = null
  validation {
    condition     = var.runtime == "bank" || var.shim != null
    error_message = "SpinKube's nodes need the shim: say where it is, or set runtime to bank."
  }
}

# This repository's settings for each environment, in environments/.

variable "environment" {
  description = "dev, staging or prod"
  type        = string
  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "There are dev, staging and prod."
  }
}

variable "cidr" {
  description = "Addresses of the VPC, a /16"
  type        = string
}

variable "nat_in_each_zone" {
  description = "A NAT gateway in each zone, instead of one for all"
  type        = bool
}

variable "endpoints" {
  description = "AWS services that are reached by private addresses, besides S3"
  type        = set(string)
}

variable "kubernetes_version" {
  description = "Major and minor: 1.36 or newer, for the chart's pod policy"
  type        = string
  default     = "1.36"
}

variable "public_api" {
  description = "Is the API server reached over the Internet, from office_cidrs?"
  type        = bool
}

variable "node_groups" {
  description = "Nodes, by name of their group; arch is arm64 or amd64"
  type = map(object({
    arch           = string
    instance_types = list(string)
    min            = number
    max            = number
    spot           = optional(bool, false)
    disk_gib       = optional(number, 30)
  }))
}

variable "valkey" {
  description = "Its service, elasticache or memorydb, and its nodes"
  type = object({
    service       = optional(string, "elasticache")
    node_type     = string
    replicas      = number
    snapshot_days = number
  })
  validation {
    condition     = var.environment != "prod" || var.valkey.replicas >= 1
    error_message = "In prod a node of Valkey that dies must not take the money with it: keep a replica at least."
  }
  validation {
    condition     = startswith(var.valkey.node_type, lookup({ elasticache = "cache.", memorydb = "db." }, var.valkey.service, "none"))
    error_message = "The service is elasticache, with nodes such as cache.t4g.small, or memorydb, with nodes such as db.t4g.small."
  }
}

variable "lets_encrypt" {
  description = "staging, whose certificates nobody trusts, or production"
  type        = string
}

variable "log_days" {
  description = "How long logs are kept"
  type        = number
}

variable "exports_kept_days" {
  description = "After so many days an export goes"
  type        = number
}

variable "monthly_dollars" {
  description = "What a month may cost"
  type        = number
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster"
  type        = bool
}
