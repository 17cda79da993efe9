variable "name" {
  description = "Of the VPC and of all in it"
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC, a /16"
  type        = string
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "The VPC's addresses must be a /16, such as 10.0.0.0/16."
  }
}

variable "nat_in_each_zone" {
  description = "A NAT gateway in each zone, instead of one for all"
  type        = bool
}

variable "endpoints" {
  description = "AWS services that are reached by private addresses, besides S3"
  type        = set(string)
}

variable "log_days" {
  description = "How long flow logs are kept"
  type        = number
}
