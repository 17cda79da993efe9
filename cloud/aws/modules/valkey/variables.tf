variable "name" {
  description = "The name of the replication group, and the prefix of the names of everything that belongs to it"
  type        = string
}

variable "vpc_id" {
  description = "The ID of the VPC of the replication group"
  type        = string
}

variable "subnet_ids" {
  description = "The IDs of the private subnets of the replication group"
  type        = list(string)
}

variable "client_security_group_id" {
  description = "The ID of the security group that may reach the replication group"
  type        = string
}

variable "node_type" {
  description = "The type of each node, such as cache.t4g.small"
  type        = string
}

variable "replicas" {
  description = "The number of replicas, in other zones than the primary. 0: there is no failover"
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
