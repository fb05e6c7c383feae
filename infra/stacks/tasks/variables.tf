variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "tasks"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 40
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 40 characters."
  }
}

variable "alert_email" {
  description = "Mail address that is told when an alarm goes off and when it is over; null or empty, as a pipeline sets what it does not know: nobody is."
  type        = string
  default     = null
}

variable "alarm_period" {
  description = "Seconds that an alarm looks at together: 10, 30 or a multiple of 60."
  type        = number
  default     = 60
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
  description = "Paths of the zips; what is not given is taken from .staticfire/build."
  type = object({
    tasks = optional(string)
    layer = optional(string)
  })
  default = {}
}

variable "runtime" {
  description = "Lambda runtime of the function."
  type        = string
  default     = "python3.13"
}

variable "architecture" {
  description = "Processor architecture of the function: arm64 or x86_64."
  type        = string
  default     = "arm64"
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
    allow_headers     = optional(list(string), ["content-type", "if-match"])
    expose_headers    = optional(list(string), ["etag", "location", "retry-after"])
    allow_credentials = optional(bool, false)
    max_age           = optional(number, 3600)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
