variable "environment" {
  description = "dev, staging or prod. It selects the values file of the chart"
  type        = string
}

variable "runtime" {
  description = "What runs the application: spinkube or bank"
  type        = string
}

variable "namespace" {
  description = "The namespace of the bank. It must exist already"
  type        = string
}

variable "region" {
  description = "The AWS region of the bank's secret"
  type        = string
}

variable "image" {
  description = "The image of the application. It is deployed by its digest; the tag is only a label"
  type = object({
    repository = string
    tag        = string
    digest     = string
  })
}

variable "host" {
  description = "The host name of the bank"
  type        = string
}

variable "email" {
  description = "The address that Let's Encrypt sends warnings to"
  type        = string
}

variable "lets_encrypt" {
  description = "The environment of Let's Encrypt: staging, whose certificates no browser trusts, or production"
  type        = string
  validation {
    condition     = contains(["staging", "production"], var.lets_encrypt)
    error_message = "lets_encrypt is staging or production."
  }
}

variable "auth" {
  description = "How users are identified: the issuer of tokens, their audience, and the client ID of the dashboard"
  type = object({
    issuer    = string
    audience  = string
    client_id = string
  })
}

variable "valkey_cidrs" {
  description = "The addresses of Valkey's subnets"
  type        = list(string)
}

variable "wait_replicas" {
  description = "The number of Valkey's replicas that must have a write before it is acknowledged"
  type        = number
}

variable "secret_name" {
  description = "The name of the secret that holds Valkey's address"
  type        = string
}
