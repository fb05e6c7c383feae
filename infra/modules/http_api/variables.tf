variable "name" {
  description = "Name of the API."
  type        = string
}

variable "description" {
  description = "What the API is for."
  type        = string
}

variable "stage" {
  description = "Name of the stage: the first part of every path."
  type        = string
  default     = "v1"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,128}$", var.stage))
    error_message = "stage must be 1 to 128 letters, digits, hyphens and underscores."
  }
}

variable "routes" {
  description = "Routes, keyed by \"METHOD /path\", and the function that each invokes."
  type = map(object({
    function_name = string
    invoke_arn    = string
  }))

  validation {
    condition     = alltrue([for key in keys(var.routes) : can(regex("^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) /\\S*$", key))])
    error_message = "routes must be keyed as \"POST /usage\"."
  }
}

variable "throttling" {
  description = "Requests a second of the stage (token bucket): steady rate, and burst."
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
    allow_methods     = optional(list(string), ["*"])
    allow_headers     = optional(list(string), ["content-type"])
    expose_headers    = optional(list(string), [])
    allow_credentials = optional(bool, false)
    max_age           = optional(number, 3600)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days that access logs are kept."
  type        = number
  default     = 30
}
