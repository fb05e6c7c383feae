variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "events"
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
  description = "Paths of the zips by name; what is not given is taken from .staticfire/build."
  type        = map(string)
  default     = {}
}

variable "service_settings" {
  description = "What every service can be given, as { log_retention_days = 90 }: `settings` of infra/modules/service."
  type        = any
  default     = {}
}
