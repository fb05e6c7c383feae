variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "events"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 40
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 40 characters."
  }
}

variable "signatures" {
  description = "Webhook signatures: off, optional (one that is there must be right) or required."
  type        = string
  default     = "optional"

  validation {
    condition     = contains(["off", "optional", "required"], var.signatures)
    error_message = "signatures must be off, optional or required."
  }
}

variable "retention_days" {
  description = "Days that events are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.retention_days >= 1 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 1."
  }
}

variable "index_shards" {
  description = "Partitions of the index that the events of one type and day are dealt out to, each for 1000 writes a second. Readers ask for each: raise it, but never lower it while older events are read."
  type        = number
  default     = 8

  validation {
    condition     = var.index_shards >= 1 && var.index_shards <= 256 && floor(var.index_shards) == var.index_shards
    error_message = "index_shards must be a whole number from 1 to 256."
  }
}

variable "point_in_time_recovery" {
  description = "The table is restorable to any second of the last 35 days."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuse to delete the table, and keep deleted secrets for 30 days. Set it where data matters."
  type        = bool
  default     = false
}

variable "packages" {
  description = "Paths of the zips; what is not given is taken from .staticfire/build."
  type = object({
    events = optional(string)
    layer  = optional(string)
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
  description = "Most environments of the API's function; -1: as many as the account has."
  type        = number
  default     = -1
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
    allow_methods     = optional(list(string), ["POST"])
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

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
