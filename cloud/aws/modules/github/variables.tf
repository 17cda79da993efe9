variable "name" {
  description = "Begins the names of the role"
  type        = string
}

variable "repository" {
  description = "owner/name on GitHub"
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "The repository is owner/name, without wildcards."
  }
}

variable "registry_arn" {
  description = "Where images may be pushed"
  type        = string
}
