variable "name" {
  description = "Begins the name of the bucket"
  type        = string
}

variable "kept_days" {
  description = "After so many days an export goes"
  type        = number
  validation {
    condition     = var.kept_days > 30
    error_message = "Exports move to cheaper storage after 30 days: keep them longer than that."
  }
}
