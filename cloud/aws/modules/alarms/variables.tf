variable "name" {
  description = "The prefix of the names of the topic and the alarms"
  type        = string
}

variable "email" {
  description = "The address that alarms are sent to, after its owner has confirmed the mail from AWS"
  type        = string
}

variable "valkey_service" {
  description = "The service that runs Valkey: elasticache or memorydb"
  type        = string
}

variable "valkey_nodes" {
  description = "The names of Valkey's nodes"
  type        = list(string)
}

variable "nat_gateway_ids" {
  description = "The IDs of the NAT gateways"
  type        = list(string)
}
