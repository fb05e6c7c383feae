variable "name" {
  description = "Name of the service in this account and region, and prefix of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 40
    error_message = "name must be lower-case letters, digits and single hyphens, start with a letter, and have at most 40 characters."
  }
}

variable "description" {
  description = "What the API is for."
  type        = string
}

variable "packages" {
  description = "Paths of the zips by name: \"layer\", and those of the functions; what is not given is .staticfire/build/NAME.zip."
  type        = map(string)
  default     = {}
}

variable "image" {
  description = "URI of a container image that holds the code of all functions, instead of zips; null: zips."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || var.schema == null
    error_message = "A service with a schema comes as zips: its schema's function is one."
  }
}

variable "functions" {
  description = "The functions, named SERVICE-KEY: what the code may do, besides writing its logs, is in `statements`; `schedule` invokes it by itself; `concurrency` is the most execution environments, -1 as many as the account has; `runtime` is the service's, unless a function has its own, and then no layer."
  type = map(object({
    description = string
    package     = string
    handler     = string
    timeout     = number
    memory_size = optional(number, 512)
    concurrency = optional(number, -1)
    variables   = optional(map(string), {})
    schedule    = optional(string)
    runtime     = optional(string)
    statements  = optional(map(object({ actions = list(string), resources = list(string) })), {})
  }))

  validation {
    condition     = length(var.functions) > 0 && alltrue([for key in keys(var.functions) : can(regex("^[a-z][a-z0-9-]{0,19}$", key)) && key != "init"])
    error_message = "functions must have keys of 1 to 20 lower-case letters, digits and hyphens, other than init, which is the schema's."
  }

  validation {
    condition     = alltrue([for function in var.functions : function.timeout >= 1 && function.timeout <= 900])
    error_message = "timeout of functions must be from 1 to 900 seconds."
  }

  validation {
    condition     = alltrue([for function in var.functions : function.memory_size >= 128 && function.memory_size <= 10240])
    error_message = "memory_size of functions must be from 128 to 10240 MiB."
  }

  validation {
    condition     = alltrue([for function in var.functions : can(regex("^(rate|cron)\\(.+\\)$", coalesce(function.schedule, "rate(1 minute)")))])
    error_message = "schedule of functions must be rate(...) or cron(...)."
  }

  validation {
    condition     = !anytrue(flatten([for function in var.functions : [for statement in function.statements : [for action in statement.actions : strcontains(action, "*")]]]))
    error_message = "statements of functions must name each action: no wildcards."
  }

  validation {
    condition     = !anytrue(flatten([for function in var.functions : [for statement in function.statements : contains(statement.resources, "*")]]))
    error_message = "statements of functions must name their resources: not \"*\"."
  }
}

variable "database" {
  description = "The way to a database, which all functions take: `access` of modules/database; null: they are in no VPC."
  type = object({
    variables          = map(string)
    statements         = map(object({ actions = list(string), resources = list(string) }))
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "schema" {
  description = "The function that brings the database's schema up to date, invoked once for each state of its package; null: there is none."
  type = object({
    package = string
    handler = string
  })
  default = null
}

# Not of `database`: the schema's function can be made while its way to the database is.
variable "database_identity" {
  description = "Which database it is, known once functions reach it: another one is given the schema too."
  type        = string
  default     = null
}

variable "routes" {
  description = "The API's routes: \"METHOD /path\" -> key of the function."
  type        = map(string)

  validation {
    condition     = alltrue([for key in keys(var.routes) : can(regex("^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) /\\S*$", key))])
    error_message = "routes must be keyed as \"POST /usage\"."
  }
}

variable "api_kind" {
  description = "What the routes are of: an HTTP API, or a REST API, whose events have the payload format 1.0 (servicekit takes both)."
  type        = string
  default     = "HTTP"

  validation {
    condition     = contains(["HTTP", "REST"], var.api_kind)
    error_message = "api_kind must be HTTP or REST."
  }
}

variable "cors_headers" {
  description = "Headers that browsers of other origins may send and read, where settings have `cors`."
  type = object({
    allow  = optional(list(string), ["content-type"])
    expose = optional(list(string), ["retry-after"])
  })
  default = {}
}

variable "alarms" {
  description = "Alarms on metrics of functions, named SERVICE-KEY, that go off above a value; null: on any error and throttle of a function, and any 5xx of the API."
  type = map(object({
    description = string
    function    = string
    metric      = string
    statistic   = optional(string, "Sum")
    above       = number
  }))
  default = null
}

# Not typed: an object type drops what it does not know, and a misspelt setting would be no error.
variable "settings" {
  description = <<-EOT
    What a deployment may want otherwise than main.tf has it:
    `runtime`, `architecture` (arm64, x86_64), `log_retention_days`;
    `functions`, by key, with `memory_size`, `timeout`, `concurrency`;
    `throttling`, the requests a second that the API takes (token bucket), with `rate` and `burst`;
    `cors`, what browsers of other origins may do, with `allow_origins` and, if need be, the rest of an API's CORS settings;
    `alarm_actions`, ARNs of what the alarms tell, as SNS topics; `alarm_period`, the seconds that they look at together.
  EOT
  type        = any
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), ["alarm_actions", "alarm_period", "architecture", "cors", "functions", "log_retention_days", "runtime", "throttling"])) == 0
    error_message = "settings may have alarm_actions, alarm_period, architecture, cors, functions, log_retention_days, runtime and throttling."
  }

  validation {
    condition     = startswith(try(var.settings.runtime, "python3.13"), "python3.")
    error_message = "runtime must be one of Lambda's Python runtimes, as python3.13."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], try(var.settings.architecture, "arm64"))
    error_message = "architecture must be arm64 or x86_64."
  }

  validation {
    condition     = contains([10, 30], try(var.settings.alarm_period, 60)) || try(var.settings.alarm_period >= 60 && var.settings.alarm_period % 60 == 0, true)
    error_message = "alarm_period must be 10, 30 or a multiple of 60."
  }

  validation {
    condition     = alltrue([for function in try(values(var.settings.functions), []) : length(setsubtract(keys(function), ["concurrency", "memory_size", "timeout"])) == 0])
    error_message = "functions of settings may have concurrency, memory_size and timeout."
  }

  validation {
    condition     = try(var.settings.cors, null) == null || can(var.settings.cors.allow_origins)
    error_message = "cors of settings must have allow_origins."
  }
}
