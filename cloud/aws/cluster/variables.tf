variable "platform" {
  description = "The output `platform` of ../platform"
  type = object({
    environment  = string
    region       = string
    zone         = string
    email        = string
    lets_encrypt = string
    auth = object({
      issuer    = string
      audience  = string
      client_id = string
    })
    registry      = string
    runtime       = string
    secret_name   = string
    valkey_cidrs  = list(string)
    wait_replicas = number
    cluster = object({
      name           = string
      endpoint       = string
      ca_certificate = string
    })
  })
}

variable "tag" {
  description = "The tag of the image. It is only a label: the digest says which image is deployed"
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]*$", var.tag))
    error_message = "The tag has the form of a tag: letters, digits and ._-."
  }
}

variable "digest" {
  description = "The digest of the image that the tag names. The image is deployed by this digest"
  type        = string
  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.digest))
    error_message = "The digest is sha256: and 64 hexadecimal digits."
  }
}

variable "versions" {
  description = "The versions of the controllers' charts"
  type = object({
    cert_manager       = string
    cluster_autoscaler = string
    external_dns       = string
    external_secrets   = string
    spin_operator      = string
    traefik            = string
  })
  default = {
    cert_manager       = "v1.19.1"
    cluster_autoscaler = "9.52.1"
    external_dns       = "1.19.0"
    external_secrets   = "1.3.2"
    spin_operator      = "0.6.1"
    traefik            = "37.3.0"
  }
}
