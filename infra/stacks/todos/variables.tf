variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "todos"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 40
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 40 characters."
  }
}

variable "database" {
  description = "An existing Postgres database to use, with a role that may create tables in it; null: create one in RDS."
  sensitive   = true
  type = object({
    host     = string
    port     = number
    name     = string
    username = string
    password = string
  })
  default = null
}

variable "database_ca_file" {
  description = "File with the certificates (PEM) that Postgres is checked against, as the region's bundle of RDS; null: encrypted, not checked."
  type        = string
  default     = null
}

variable "database_instance_class" {
  description = "Class of the RDS instance."
  type        = string
  default     = "db.t4g.micro"
}

variable "database_multi_az" {
  description = "A standby of the RDS instance in another zone."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to delete the RDS instance and the table, and keep deleted secrets for 30 days. Set it where data matters."
  type        = bool
  default     = false
}

variable "packages" {
  description = "Paths of the zips; what is not given is taken from .staticfire/build."
  type = object({
    todos        = optional(string)
    todos_schema = optional(string)
    layer        = optional(string)
  })
  default = {}
}

variable "runtime" {
  description = "Lambda runtime of the functions."
  type        = string
  default     = "python3.13"
}

variable "architecture" {
  description = "Processor architecture of the functions: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "api_memory_size" {
  description = "MiB of memory of the API's function."
  type        = number
  default     = 512
}

variable "api_concurrency" {
  description = "Most environments of the API's function, each with one connection to Postgres; -1: as many as the account has."
  type        = number
  default     = -1
}

variable "reconcile_schedule" {
  description = "When the reconciler runs."
  type        = string
  default     = "rate(1 minute)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.reconcile_schedule))
    error_message = "reconcile_schedule must be rate(...) or cron(...)."
  }
}

variable "throttling" {
  description = "Requests a second that the API takes (token bucket): steady rate, and burst."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 10000, burst = 5000 }
}

variable "cors" {
  description = "What browsers of other origins may do; null: nothing."
  type = object({
    allow_origins     = list(string)
    allow_methods     = optional(list(string), ["GET", "POST", "PUT", "DELETE"])
    allow_headers     = optional(list(string), ["content-type"])
    expose_headers    = optional(list(string), ["retry-after"])
    allow_credentials = optional(bool, false)
    max_age           = optional(number, 3600)
  })
  default = null
}

variable "alarm_actions" {
  description = "ARNs of what the alarms tell, as SNS topics."
  type        = list(string)
  default     = []
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

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
