variable "name" {
  description = "Of the repository"
  type        = string
}
