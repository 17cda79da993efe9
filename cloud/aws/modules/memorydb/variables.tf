variable "name" {
  description = "The name of the cluster, and the prefix of the names of everything that belongs to it"
  type        = string
}

variable "vpc_id" {
  description = "The ID of the VPC of the cluster"
  type        = string
}

variable "subnet_ids" {
  description = "The IDs of the private subnets of the cluster"
  type        = list(string)
}

variable "client_security_group_id" {
  description = "The ID of the security group that may reach the cluster"
  type        = string
}

variable "node_type" {
  description = "The type of each node, such as db.t4g.small"
  type        = string
}

variable "replicas" {
  description = "The number of replicas, in other zones than the primary. 0: while the primary is replaced, the store is not available"
  type        = number
}

variable "snapshot_days" {
  description = "How many daily snapshots are kept"
  type        = number
  validation {
    condition     = var.snapshot_days > 0
    error_message = "Keep at least one daily snapshot: without one nothing can be restored."
  }
}

variable "rotation" {
  description = "Any number. Another number makes a new password"
  type        = number
}
