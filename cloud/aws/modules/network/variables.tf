variable "name" {
  description = "The name of the VPC, and the prefix of the names of everything in it"
  type        = string
}

variable "cidr" {
  description = "The addresses of the VPC, a /16"
  type        = string
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "The VPC's addresses must be a /16, such as 10.0.0.0/16."
  }
}

variable "nat_in_each_zone" {
  description = "If true, each zone has a NAT gateway. If false, one zone has the only one"
  type        = bool
}

variable "endpoints" {
  description = "The AWS services that have an endpoint in the VPC, besides S3"
  type        = set(string)
}

variable "log_days" {
  description = "How many days flow logs are kept"
  type        = number
}
