variable "name" {
  description = "Of the store and of all that belongs to it"
  type        = string
}

variable "service" {
  description = "What the store is: Valkey or MemoryDB"
  type        = string
}

variable "vpc_id" {
  description = "Where it is"
  type        = string
}

variable "client_security_group_id" {
  description = "Who may reach it"
  type        = string
}

variable "user" {
  description = "As whom the bank signs in; empty: the default user"
  type        = string
}

variable "address" {
  description = "The host name of the store"
  type        = string
}

variable "rotation" {
  description = "Another number, another password"
  type        = number
}
