variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "email" {
  description = "Mail address that is told; null: nobody is."
  type        = string
  default     = null

  validation {
    condition     = var.email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.email))
    error_message = "email must be a mail address, as ops@example.com."
  }
}
