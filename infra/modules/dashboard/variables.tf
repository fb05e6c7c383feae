variable "name" {
  description = "Name of the dashboard."
  type        = string
}

variable "region" {
  description = "Region of the functions."
  type        = string
}

variable "functions" {
  description = "Names of the functions that are shown."
  type        = list(string)
}

variable "period" {
  description = "Seconds of a point in the graphs."
  type        = number
  default     = 60
}
