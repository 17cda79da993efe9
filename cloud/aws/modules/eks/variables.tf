variable "name" {
  description = "The name of the cluster"
  type        = string
}

variable "kubernetes_version" {
  description = "The version of Kubernetes, major and minor"
  type        = string
}

variable "subnet_ids" {
  description = "The IDs of the nodes' private subnets, one in each zone"
  type        = list(string)
}

variable "vpc_cidr" {
  description = "The addresses of the VPC, which may reach the private address of the API server"
  type        = string
}

variable "public_access_cidrs" {
  description = "The addresses that may reach the API server over the Internet. Empty: none"
  type        = list(string)
  validation {
    # The width of each range is limited, because two halves of the Internet are the whole Internet too.
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]) >= 16, false)])
    error_message = "The API server must not be open to the whole Internet: set your own addresses, each a /16 or smaller, such as 192.0.2.0/24."
  }
}

variable "admins" {
  description = "The ARNs of the roles that administer the cluster, each under a name of your choice"
  type        = map(string)
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
  validation {
    condition     = alltrue([for group in var.node_groups : contains(["arm64", "amd64"], group.arch) && group.min <= group.max])
    error_message = "In each group of nodes, arch is arm64 or amd64, and min is not larger than max."
  }
}

variable "shim" {
  description = "The address of containerd-shim-spin and its SHA-256, by architecture. null: nodes have no shim"
  type = object({
    urls   = map(string)
    sha256 = map(string)
  })
  validation {
    condition     = var.shim == null ? true : alltrue([for sum in values(var.shim.sha256) : can(regex("^[0-9a-f]{64}$", sum))])
    error_message = "Each SHA-256 is 64 hexadecimal digits."
  }
}

variable "zone_id" {
  description = "The ID of the zone that External DNS may write to"
  type        = string
}

variable "secret_arn" {
  description = "The ARN of the secret that holds Valkey's address"
  type        = string
}

variable "secret_key_arn" {
  description = "The ARN of the KMS key that encrypts the secret"
  type        = string
}

variable "log_days" {
  description = "How many days the control plane's logs are kept"
  type        = number
}

variable "deletion_protection" {
  description = "If true, AWS refuses to delete the cluster"
  type        = bool
}
