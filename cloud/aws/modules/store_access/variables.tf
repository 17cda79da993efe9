variable "name" {
  description = "The name of the store, and the prefix of the names of everything that belongs to it"
  type        = string
}

variable "service" {
  description = "The kind of store: Valkey or MemoryDB"
  type        = string
}

variable "vpc_id" {
  description = "The ID of the VPC of the store"
  type        = string
}

variable "client_security_group_id" {
  description = "The ID of the security group that may reach the store"
  type        = string
}

variable "user" {
  description = "The bank's user name. Empty: the default user"
  type        = string
}

variable "address" {
  description = "The host name of the store"
  type        = string
}

variable "rotation" {
  description = "Any number. Another number makes a new password"
  type        = number
}
