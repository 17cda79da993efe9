variable "name" {
  description = "The prefix of the role's name"
  type        = string
}

variable "repository" {
  description = "The repository, in the form that GitHub's tokens have: owner@ID/name@ID, or owner/name"
  type        = string
  validation {
    # Either both have an ID, or neither has: GitHub signs no other form. Names of managed users contain `_`.
    condition     = can(regex("^([A-Za-z0-9_-]+/[A-Za-z0-9._-]+|[A-Za-z0-9_-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$", var.repository))
    error_message = "The repository is owner@ID/name@ID or owner/name, without wildcards."
  }
}

variable "registry_arn" {
  description = "The ARN of the ECR repository that images may be pushed to"
  type        = string
}
