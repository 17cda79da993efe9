variable "name" {
  description = "Of the budget"
  type        = string
}

variable "monthly_dollars" {
  description = "What a month may cost"
  type        = number
}

variable "email" {
  description = "Who hears of it"
  type        = string
}
