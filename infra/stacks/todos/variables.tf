variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "todos"
}

variable "language" {
  description = "What the API's function is written in: python (service/todos) or nodejs (service/todos_node)."
  type        = string
  default     = "python"

  validation {
    condition     = contains(["python", "nodejs"], var.language)
    error_message = "language must be python or nodejs."
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

variable "database_settings" {
  description = "Of the database and its network, as { multi_az = true }: `settings` of infra/modules/database."
  type        = any
  default     = {}
}

variable "deletion_protection" {
  description = "Refuse to delete the RDS instance and the table, and keep deleted secrets for 30 days. Set it where data matters."
  type        = bool
  default     = false
}

variable "reconcile_schedule" {
  description = "When the reconciler runs."
  type        = string
  default     = "rate(1 minute)"
}

variable "packages" {
  description = "Paths of the zips by name; what is not given is taken from .staticfire/build."
  type        = map(string)
  default     = {}
}

variable "service_settings" {
  description = "What every service can be given, as { log_retention_days = 90 }: `settings` of infra/modules/service."
  type        = any
  default     = {}
}
