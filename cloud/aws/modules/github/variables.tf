variable "name" {
  description = "Begins the names of the role"
  type        = string
}

variable "repository" {
  description = "The repository as GitHub's tokens name it: owner@ID/name@ID, or owner/name"
  type        = string
  validation {
    # Both have an ID, or neither has: GitHub signs no other form. Names of managed users contain `_`.
    condition     = can(regex("^([A-Za-z0-9_-]+/[A-Za-z0-9._-]+|[A-Za-z0-9_-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$", var.repository))
    error_message = "The repository is owner@ID/name@ID or owner/name, without wildcards."
  }
}

variable "registry_arn" {
  description = "Where images may be pushed"
  type        = string
}
