variable "name" {
  description = "The name of the ECR repository"
  type        = string
}
