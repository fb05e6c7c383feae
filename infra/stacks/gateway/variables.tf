variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string
  default     = "gateway"
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

  # All variables of a function have 4096 bytes together.
  validation {
    condition     = length(jsonencode(var.routes)) <= 3000
    error_message = "routes are too many for a function's variables: put some together as \"ANY /things/{path+}\"."
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

variable "package" {
  description = "What the function's code comes as: a zip, or the image of service/gateway/Dockerfile in ECR."
  type        = string
  default     = "zip"

  validation {
    condition     = contains(["zip", "image"], var.package)
    error_message = "package must be zip or image."
  }
}

variable "image_tag" {
  description = "Which image, where package is image. Tags are immutable: a new image has a new one."
  type        = string
  default     = "1"
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
