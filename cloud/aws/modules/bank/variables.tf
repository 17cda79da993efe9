variable "environment" {
  description = "dev, staging or prod: which values file of the chart"
  type        = string
}

variable "runtime" {
  description = "spinkube or bank: what runs the application"
  type        = string
}

variable "namespace" {
  description = "Where the bank is; it must be there already"
  type        = string
}

variable "region" {
  description = "Where its secret is"
  type        = string
}

variable "image" {
  description = "The application, and its tag"
  type = object({
    repository = string
    tag        = string
  })
}

variable "host" {
  description = "The name under which it is reached"
  type        = string
}

variable "email" {
  description = "Whom Let's Encrypt warns"
  type        = string
}

variable "lets_encrypt" {
  description = "staging, whose certificates nobody trusts, or production"
  type        = string
  validation {
    condition     = contains(["staging", "production"], var.lets_encrypt)
    error_message = "Let's Encrypt is staging or production."
  }
}

variable "auth" {
  description = "Who says who a user is: the issuer, the audience of its tokens, the dashboard's client"
  type = object({
    issuer    = string
    audience  = string
    client_id = string
  })
}

variable "valkey_cidrs" {
  description = "Where Valkey is"
  type        = list(string)
}

variable "wait_replicas" {
  description = "How many replicas of Valkey must have a write before it is acknowledged"
  type        = number
}

variable "secret_name" {
  description = "The secret with Valkey's address"
  type        = string
}
