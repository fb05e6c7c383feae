variable "name" {
  description = "Name of the VPC and prefix of what is in it."
  type        = string
}

variable "region" {
  description = "Region of the VPC: part of the endpoints' service names."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15))
    error_message = "cidr must be an IPv4 range with room for 16 subnets, as 10.0.0.0/16."
  }
}

variable "availability_zones" {
  description = "Zones that get a public and a private subnet each."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) >= 2 && length(var.availability_zones) <= 8
    error_message = "availability_zones must name 2 to 8 zones: a database's subnet group needs two."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in every zone: it survives the loss of a zone, at the price of a gateway each."
  type        = bool
  default     = false
}
