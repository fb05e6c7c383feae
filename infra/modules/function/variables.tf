variable "name" {
  description = "Name of the function, of its role and of its log group."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "What the function does."
  type        = string
}

variable "package" {
  description = "Path of the zip with the function's code."
  type        = string
}

variable "handler" {
  description = "The handler, as module.function."
  type        = string
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
  default     = "python3.13"

  validation {
    condition     = startswith(var.runtime, "python3.")
    error_message = "runtime must be one of Lambda's Python runtimes, as python3.13."
  }
}

variable "architecture" {
  description = "Processor architecture. The packages are pure Python, so both are right; arm64 costs less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "layers" {
  description = "ARNs of layer versions."
  type        = list(string)
  default     = []
}

variable "memory_size" {
  description = "MiB of memory; the share of a processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "memory_size must be from 128 to 10240."
  }
}

variable "timeout" {
  description = "Seconds after which an invocation is ended."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout must be from 1 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Most environments at the same time, taken from the account's; -1: as many as the account has."
  type        = number
  default     = -1
}

variable "environment" {
  description = "Environment variables. No secrets: only the names of secrets."
  type        = map(string)
  default     = {}
}

variable "subnet_ids" {
  description = "Private subnets that the function is attached to; none: it is in no VPC."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the function, where it has subnets."
  type        = list(string)
  default     = []
}

variable "statements" {
  description = "What the function may do, besides writing its logs: statement id -> actions and resources."
  type = map(object({
    actions   = list(string)
    resources = list(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for statement in var.statements : !anytrue([for action in statement.actions : strcontains(action, "*")])])
    error_message = "statements must name each action: no wildcards."
  }

  validation {
    condition     = alltrue([for statement in var.statements : !contains(statement.resources, "*")])
    error_message = "statements must name their resources: not \"*\"."
  }
}

variable "invokers" {
  description = "Who may invoke the function: statement id -> service principal and the ARN it invokes from."
  type = map(object({
    principal  = string
    source_arn = string
  }))
  default = {}
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
