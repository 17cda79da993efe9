variable "name" {
  description = "Of the cluster"
  type        = string
}

variable "kubernetes_version" {
  description = "Major and minor"
  type        = string
}

variable "subnet_ids" {
  description = "Where the nodes are, a private subnet in each zone"
  type        = list(string)
}

variable "vpc_cidr" {
  description = "From where the private address of the API server is reached"
  type        = string
}

variable "public_access_cidrs" {
  description = "From where the API server is reached over the Internet; empty: from nowhere"
  type        = list(string)
  validation {
    # Two halves of the Internet are the Internet too, so width is limited, not one text.
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]) >= 16, false)])
    error_message = "The API server is not for the whole Internet: name your own addresses, each a /16 or less, such as 192.0.2.0/24."
  }
}

variable "admins" {
  description = "Who administers the cluster: ARNs of roles, by a name for each"
  type        = map(string)
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
  validation {
    condition     = alltrue([for group in var.node_groups : contains(["arm64", "amd64"], group.arch) && group.min <= group.max])
    error_message = "Each group of nodes has an arch of arm64 or amd64, and no more nodes at least than at most."
  }
}

variable "shim" {
  description = "Where nodes get containerd-shim-spin, and the SHA-256 of it, by architecture; null: they have none"
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
  description = "The zone in which external-dns writes"
  type        = string
}

variable "secret_arn" {
  description = "The secret with the address of Valkey"
  type        = string
}

variable "secret_key_arn" {
  description = "The key it is encrypted with"
  type        = string
}

variable "log_days" {
  description = "How long the control plane's logs are kept"
  type        = number
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster"
  type        = bool
}
