variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "chat"
}

variable "deletion_protection" {
  description = "Refuse to delete the table. Set it where data matters."
  type        = bool
  default     = false
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
