variable "name" {
  description = "Prefix of the names of all that is made."
  type        = string
}

variable "service" {
  description = "The service, as descriptions call it; in RDS, the database and its user have this name too."
  type        = string
}

variable "given" {
  description = "An existing database to use, with a role that may create tables in it; null: create one in RDS."
  sensitive   = true
  type = object({
    host     = string
    port     = number
    name     = string
    username = string
    password = string
  })
}

variable "deletion_protection" {
  description = "Refuse to delete the RDS instance, and keep the deleted secret for 30 days."
  type        = bool
}

# Not typed: an object type drops what it does not know, and a misspelt setting would be no error.
variable "settings" {
  description = <<-EOT
    What a deployment may want otherwise than main.tf has it:
    `instance_class`, and `multi_az`, a standby in another zone, of an instance in RDS;
    `ca_file`, with the certificates (PEM) that Postgres is checked against, as the region's bundle of RDS: without it a
    connection is encrypted, and the server not checked;
    `vpc_cidr`, the address range of the VPC; `nat_per_zone`, a NAT gateway in every zone instead of one for all.
  EOT
  type        = any
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), ["ca_file", "instance_class", "multi_az", "nat_per_zone", "vpc_cidr"])) == 0
    error_message = "settings may have ca_file, instance_class, multi_az, nat_per_zone and vpc_cidr."
  }
}
