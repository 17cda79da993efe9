variable "name" {
  description = "Of the replication group and of all that belongs to it"
  type        = string
}

variable "vpc_id" {
  description = "Where it is"
  type        = string
}

variable "subnet_ids" {
  description = "Its private subnets"
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Who may reach it"
  type        = string
}

variable "node_type" {
  description = "Of each node, such as cache.t4g.small"
  type        = string
}

variable "replicas" {
  description = "Besides the primary, in other zones; 0: no failover"
  type        = number
}

variable "snapshot_days" {
  description = "How many daily snapshots are kept"
  type        = number
  validation {
    condition     = var.snapshot_days > 0
    error_message = "Without a snapshot nothing can be restored: keep one day at least."
  }
}

variable "rotation" {
  description = "Another number, another password"
  type        = number
}
