variable "name" {
  description = "Of the repository"
  type        = string
}

variable "kept_images" {
  description = "How many images stay"
  type        = number
  default     = 50
}
