variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "gateway"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 40
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 40 characters."
  }
}

variable "environment" {
  description = "Which of its environments this is, as environments/NAME.tfvars says: dev, staging or prod. A tag on everything."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "upstreams" {
  description = "Where requests can go, by name: the base URL of a server, or the name of a function in this account and region."
  type = map(object({
    url             = optional(string)
    function        = optional(string)
    timeout_seconds = optional(number)
    retries         = optional(number)
    rest_seconds    = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for upstream in var.upstreams : (upstream.url == null) != (upstream.function == null)])
    error_message = "Each of upstreams must have either url or function."
  }

  # The response must leave before the API's 30 seconds are over.
  validation {
    condition     = alltrue([for upstream in var.upstreams : coalesce(upstream.timeout_seconds, 10) >= 1 && coalesce(upstream.timeout_seconds, 10) <= 25])
    error_message = "timeout_seconds of upstreams must be from 1 to 25."
  }
}

variable "limits" {
  description = "Rate limits by name: at most so many requests in any so many seconds, by user, ip or all. refuses_unknown: 503 while the counters cannot be reached, instead of letting requests pass uncounted."
  type = map(object({
    requests        = number
    seconds         = number
    by              = string
    refuses_unknown = optional(bool)
  }))
  default = {}

  validation {
    condition     = alltrue([for limit in var.limits : contains(["user", "ip", "all"], limit.by)])
    error_message = "by of limits must be user, ip or all."
  }
}

variable "routes" {
  description = "Routes, keyed as those of an HTTP API (\"GET /things/{id}\", \"ANY /things/{path+}\"): the upstream, who may (none: anybody; jwt; session; any: of either), the limit."
  type = map(object({
    upstream     = string
    auth         = string
    limit        = optional(string)
    strip_prefix = optional(string)
    largest_body = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for route in var.routes : contains(["none", "jwt", "session", "any"], route.auth)])
    error_message = "auth of routes must be none, jwt, session or any."
  }

  # All environment variables of a function have 4096 bytes together.
  validation {
    condition     = length(jsonencode(var.routes)) <= 3000
    error_message = "routes are too many for a function's environment: put some together as \"ANY /things/{path+}\"."
  }
}

variable "tokens" {
  description = "Whose tokens are taken: issuer and audience as the tokens say them, and the URL of the issuer's keys for RS256; without it only tokens signed with the stack's own secret (HS256)."
  type = object({
    issuer         = string
    audience       = string
    jwks_url       = optional(string)
    leeway_seconds = optional(number)
  })
  default = { issuer = "gateway", audience = "gateway" }

  validation {
    condition     = startswith(coalesce(var.tokens.jwks_url, "https://none"), "https://")
    error_message = "jwks_url of tokens must be https: who can change the keys on their way can sign any token."
  }
}

variable "session_seconds" {
  description = "How long a session lives."
  type        = number
  default     = 43200

  validation {
    condition     = var.session_seconds >= 60 && var.session_seconds <= 30 * 86400
    error_message = "session_seconds must be from a minute to 30 days."
  }
}

variable "point_in_time_recovery" {
  description = "The sessions are restorable to any second of the last 35 days."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to delete the sessions, and keep the deleted secret for 30 days. Set it where data matters."
  type        = bool
  default     = false
}

variable "packages" {
  description = "Paths of the zips; what is not given is taken from .staticfire/build."
  type = object({
    gateway = optional(string)
    layer   = optional(string)
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

variable "api_memory_size" {
  description = "MiB of memory of the function."
  type        = number
  default     = 512
}

variable "api_concurrency" {
  description = "Most environments of the function; -1: as many as the account has."
  type        = number
  default     = -1
}

variable "throttling" {
  description = "Requests a second that the API takes (token bucket): steady rate, and burst."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 2000, burst = 5000 }
}

variable "cors" {
  description = "What browsers of other origins may do; null: nothing. With credentials, origins must be named; session cookies stay with their own site."
  type = object({
    allow_origins     = list(string)
    allow_methods     = optional(list(string), ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    allow_headers     = optional(list(string), ["authorization", "content-type", "idempotency-key"])
    expose_headers    = optional(list(string), ["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"])
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

variable "custom_domain" {
  description = "A name of its own, in a Route 53 zone; null: only API Gateway's URL."
  type = object({
    name    = string
    zone_id = string
  })
  default = null
}

variable "budget" {
  description = "US dollars a month, and who is told when they are spent; null: no budget."
  type = object({
    monthly_usd = number
    emails      = list(string)
  })
  default = null
}
