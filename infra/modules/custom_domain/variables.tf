variable "domain_name" {
  description = "The name, as api.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name must be a lower-case domain name, as api.example.com."
  }
}

variable "zone_id" {
  description = "Id of the Route 53 zone that the name is in."
  type        = string
}

variable "api_id" {
  description = "Id of the HTTP API."
  type        = string
}

variable "stage" {
  description = "Name of the stage; its name is not part of the paths below the domain."
  type        = string
}
