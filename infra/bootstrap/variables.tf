variable "bucket" {
  description = "Name of the state bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "lock_table" {
  description = "Name of a DynamoDB table for locks; null where Terraform locks in the bucket (use_lockfile)."
  type        = string
  default     = null
}

variable "github_repository" {
  description = "Repository, as owner/name, whose main may deploy to this account; null: there is no such role."
  type        = string
  default     = null
}

variable "deploy_policy_arns" {
  description = "ARNs of the policies that say what a deployment may do."
  type        = set(string)
  default     = []
}
