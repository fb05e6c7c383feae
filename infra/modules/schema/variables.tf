variable "name" {
  description = "Name of the function."
  type        = string
}

variable "database" {
  description = "Which database it is: another one is given the schema too."
  type        = string
}

variable "package" {
  description = "Path of the zip with the migrations."
  type        = string
}

variable "handler" {
  description = "The handler, as module.function."
  type        = string
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
}

variable "architecture" {
  description = "Processor architecture of the function: arm64 or x86_64."
  type        = string
}

variable "layers" {
  description = "ARNs of layer versions."
  type        = list(string)
}

variable "environment" {
  description = "Environment variables by which the function finds the database."
  type        = map(string)
}

variable "subnet_ids" {
  description = "Private subnets that the function is attached to."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the function."
  type        = list(string)
}

variable "statements" {
  description = "What the function may do: statement id -> actions and resources."
  type = map(object({
    actions   = list(string)
    resources = list(string)
  }))
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}
