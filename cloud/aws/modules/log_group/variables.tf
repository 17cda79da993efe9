variable "name" {
  description = "Name of the log group"
  type        = string
}

variable "description" {
  description = "What the key is for"
  type        = string
}

variable "days" {
  description = "How many days its logs are kept"
  type        = number
}
