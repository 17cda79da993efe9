# Your own settings, in mine.ENV.tfvars.

variable "account" {
  description = "The AWS account of this environment. No other environment may use it"
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "The account is a number of 12 digits, in quotes."
  }
}

variable "region" {
  description = "The AWS region"
  type        = string
}

variable "zone" {
  description = "The domain of this environment, such as bank.example.com"
  type        = string
}

variable "email" {
  description = "The address that alarms, budget warnings and warnings about certificates are sent to"
  type        = string
}

variable "admins" {
  description = "The ARNs of the roles that administer the cluster, each under a name of your choice"
  type        = map(string)
}

variable "office_cidrs" {
  description = "The addresses that may reach the API server over the Internet if public_api is true"
  type        = list(string)
}

variable "repository" {
  description = "The repository on GitHub, in the form that GitHub's tokens have: owner@ID/name@ID, or owner/name (mine.tfvars.example)"
  type        = string
}

variable "auth" {
  description = "How users are identified: the issuer of tokens, their audience, and the client ID of the dashboard"
  type = object({
    issuer    = string
    audience  = string
    client_id = string
  })
}

variable "rotation" {
  description = "Raise it to make a new password for the store"
  type        = number
  default     = 1
}

variable "runtime" {
  description = "What runs the application. spinkube: SpinKube's operator, and a shim on each node. bank: a Deployment, on unchanged nodes"
  type        = string
  default     = "spinkube"
  validation {
    condition     = contains(["spinkube", "bank"], var.runtime)
    error_message = "The runtime is spinkube or bank."
  }
}

variable "shim" {
  description = "The address of containerd-shim-spin and its SHA-256, by architecture. Only with SpinKube"
  type = object({
    urls   = map(string)
    sha256 = map(string)
  })
  default = null
  validation {
    condition     = var.runtime == "bank" || var.shim != null
    error_message = "SpinKube's nodes need the shim: set its address and SHA-256, or set runtime to bank."
  }
}

# This repository's settings for each environment, in environments/.

variable "environment" {
  description = "dev, staging or prod"
  type        = string
  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "cidr" {
  description = "The addresses of the VPC, a /16"
  type        = string
}

variable "nat_in_each_zone" {
  description = "If true, each zone has a NAT gateway. If false, one zone has the only one"
  type        = bool
}

variable "endpoints" {
  description = "The AWS services that have an endpoint in the VPC, besides S3"
  type        = set(string)
}

variable "kubernetes_version" {
  description = "The version of Kubernetes, major and minor. The chart's pod policy needs 1.36 or newer"
  type        = string
  default     = "1.36"
}

variable "public_api" {
  description = "If true, office_cidrs may reach the API server over the Internet"
  type        = bool
}

variable "node_groups" {
  description = "The groups of nodes, by name. arch is arm64 or amd64"
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
  description = "The service that runs Valkey (elasticache or memorydb), its nodes and replicas, and how many daily snapshots are kept"
  type = object({
    service       = optional(string, "elasticache")
    node_type     = string
    replicas      = number
    snapshot_days = number
  })
  validation {
    condition     = var.environment != "prod" || var.valkey.replicas >= 1
    error_message = "prod needs at least one replica: otherwise money is lost when a node of Valkey dies."
  }
  validation {
    condition     = startswith(var.valkey.node_type, lookup({ elasticache = "cache.", memorydb = "db." }, var.valkey.service, "none"))
    error_message = "The service is elasticache, with nodes such as cache.t4g.small, or memorydb, with nodes such as db.t4g.small."
  }
}

variable "lets_encrypt" {
  description = "The environment of Let's Encrypt: staging, whose certificates no browser trusts, or production"
  type        = string
}

variable "log_days" {
  description = "How many days logs are kept"
  type        = number
}

variable "exports_kept_days" {
  description = "How many days an export is kept"
  type        = number
}

variable "monthly_dollars" {
  description = "The limit of the budget for a month, in US dollars"
  type        = number
}

variable "deletion_protection" {
  description = "If true, AWS refuses to delete the cluster"
  type        = bool
}
