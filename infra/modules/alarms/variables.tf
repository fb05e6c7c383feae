variable "functions" {
  description = "Names of functions."
  type        = set(string)
  default     = []
}

variable "apis" {
  description = "HTTP APIs: a name for the alarm -> id and stage."
  type = map(object({
    id    = string
    stage = string
  }))
  default = {}
}

variable "metrics" {
  description = "Other alarms: a name for the alarm -> what it watches, and what sets it off."
  type = map(object({
    description = string
    namespace   = string
    metric      = string
    dimensions  = map(string)
    statistic   = optional(string, "Sum")
    comparison  = optional(string, "GreaterThanThreshold")
    threshold   = number
  }))
  default = {}
}

variable "actions" {
  description = "ARNs of what is told when an alarm goes off and when it is over, as SNS topics."
  type        = list(string)
  default     = []
}

variable "threshold" {
  description = "How many in a period set an alarm on a sum off."
  type        = number
  default     = 1
}

variable "period" {
  description = "Seconds that are looked at together."
  type        = number
  default     = 60

  validation {
    condition     = contains([10, 30], var.period) || (var.period >= 60 && var.period % 60 == 0)
    error_message = "period must be 10, 30 or a multiple of 60."
  }
}
