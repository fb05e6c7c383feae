variable "name" {
  description = "Name of the role."
  type        = string
}

variable "repository" {
  description = "Repository, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[\\w.-]+/[\\w.-]+$", var.repository))
    error_message = "repository must be as owner/name."
  }
}

variable "branch" {
  description = "Branch that is deployed."
  type        = string
  default     = "main"
}

variable "policy_arns" {
  description = "ARNs of the policies that say what a deployment may do."
  type        = set(string)
  default     = []
}
