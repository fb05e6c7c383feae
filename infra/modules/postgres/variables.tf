variable "name" {
  description = "Identifier of the instance, and prefix of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 50
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 50 characters."
  }
}

variable "vpc_id" {
  description = "VPC of the instance's security group."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name at least two subnets."
  }
}

variable "clients" {
  description = "Security groups that may connect: a name for the rule's description -> id."
  type        = map(string)
}

variable "database" {
  description = "Name of the database that the instance is created with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database must be 1 to 63 lower-case letters, digits and underscores, and start with a letter."
  }
}

variable "username" {
  description = "Name of the master user."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.username)) && !contains(["admin", "postgres", "rdsadmin"], var.username)
    error_message = "username must be 1 to 63 lower-case letters, digits and underscores, and none that RDS reserves."
  }
}

variable "engine_version" {
  description = "PostgreSQL's major version; RDS takes care of the minor one."
  type        = string
  default     = "17"
}

variable "instance_class" {
  description = "Class of the instance."
  type        = string
  default     = "db.t4g.micro"
}

variable "allocated_storage" {
  description = "GiB of storage at the start."
  type        = number
  default     = 20
}

variable "max_allocated_storage" {
  description = "GiB of storage that the instance may grow to by itself."
  type        = number
  default     = 100
}

variable "multi_az" {
  description = "A standby in another zone."
  type        = bool
  default     = false
}

variable "backup_retention_days" {
  description = "Days that automatic backups are kept."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be from 1 to 35: without backups nothing can be restored."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the instance, and take a last snapshot when it is deleted after all."
  type        = bool
}
