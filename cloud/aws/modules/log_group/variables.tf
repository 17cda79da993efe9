variable "name" {
  description = "The name of the log group"
  type        = string
}

variable "description" {
  description = "The description of the KMS key"
  type        = string
}

variable "days" {
  description = "How many days logs are kept"
  type        = number
}
