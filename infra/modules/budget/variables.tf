variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "monthly_usd" {
  description = "US dollars a month."
  type        = number

  validation {
    condition     = var.monthly_usd > 0
    error_message = "monthly_usd must be over 0."
  }
}

variable "emails" {
  description = "Who is told; one to ten addresses."
  type        = list(string)

  validation {
    condition     = length(var.emails) >= 1 && length(var.emails) <= 10
    error_message = "emails must be one to ten addresses: a budget must tell somebody."
  }
}

variable "tag" {
  description = "The tag whose resources are counted."
  type = object({
    key   = string
    value = string
  })
}
