variable "zone" {
  description = "A domain of yours, or a part of one, such as bank.example.com"
  type        = string
}
