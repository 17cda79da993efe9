variable "name" {
  description = "Begins the names of topic and alarms"
  type        = string
}

variable "email" {
  description = "Who hears of them, once the mail of AWS that asks for it is confirmed"
  type        = string
}

variable "valkey_service" {
  description = "elasticache or memorydb"
  type        = string
}

variable "valkey_nodes" {
  description = "Names of Valkey's nodes"
  type        = list(string)
}

variable "nat_gateway_ids" {
  description = "The NAT gateways"
  type        = list(string)
}
