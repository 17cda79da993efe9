variable "zone" {
  description = "The domain of the environment, such as bank.example.com"
  type        = string
}
