variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "tasks"
}

variable "api_kind" {
  description = "What the API is: an HTTP API, or a REST API."
  type        = string
  default     = "HTTP"
}

variable "alert_email" {
  description = "Mail address that is told when an alarm goes off and when it is over; null or empty, as a pipeline sets what it does not know: nobody is."
  type        = string
  default     = null
}

variable "duration_limit" {
  description = "Milliseconds of the slowest invocation in a period that are too many."
  type        = number
  default     = 1000
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
