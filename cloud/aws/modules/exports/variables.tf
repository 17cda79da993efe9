variable "name" {
  description = "The prefix of the bucket's name"
  type        = string
}

variable "kept_days" {
  description = "How many days an export is kept"
  type        = number
  validation {
    condition     = var.kept_days > 30
    error_message = "Exports move to cheaper storage after 30 days: set more than 30."
  }
}
