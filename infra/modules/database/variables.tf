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

variable "ca_file" {
  description = "File with the certificates (PEM) that Postgres is checked against; null: encrypted, not checked."
  type        = string
  default     = null
}

variable "instance_class" {
  description = "Class of the RDS instance."
  type        = string
  default     = "db.t4g.micro"
}

variable "multi_az" {
  description = "A standby of the RDS instance in another zone."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to delete the RDS instance, and keep the deleted secret for 30 days."
  type        = bool
}

variable "vpc_cidr" {
  description = "Address range of the VPC."
  type        = string
  default     = "10.0.0.0/16"
}

variable "nat_per_zone" {
  description = "A NAT gateway in every zone instead of one for all."
  type        = bool
  default     = false
}
