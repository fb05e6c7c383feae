variable "name" {
  description = "Name of the secret."
  type        = string
}

variable "description" {
  description = "What the secret is for."
  type        = string
}

variable "connection" {
  description = "What a client needs to connect."
  sensitive   = true
  type = object({
    host     = string
    port     = number
    name     = string
    username = string
    password = string
  })
}

variable "ca" {
  description = "Certificates (PEM) that the server's certificate is checked against; null: it is not checked."
  type        = string
  default     = null
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
