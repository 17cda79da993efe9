variable "name" {
  description = "The name of the budget"
  type        = string
}

variable "monthly_dollars" {
  description = "The limit for a month, in US dollars"
  type        = number
}

variable "email" {
  description = "The address that warnings are sent to"
  type        = string
}
