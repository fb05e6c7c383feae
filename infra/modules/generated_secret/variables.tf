variable "name" {
  description = "Name of the secret."
  type        = string
}

variable "description" {
  description = "What the secret is for."
  type        = string
}

variable "prefix" {
  description = "What the secret begins with."
  type        = string
  default     = ""
}

variable "base64" {
  description = "The key is written in base64."
  type        = bool
  default     = false
}

variable "recovery_window_days" {
  description = "Days that a deleted secret can be restored; 0 deletes at once, and frees the name at once."
  type        = number
  default     = 0

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days must be 0, or from 7 to 30."
  }
}
