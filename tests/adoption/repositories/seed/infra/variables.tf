variable "region" {
  type    = string
  default = "eu-north-1"
}

variable "name" {
  type    = string
  default = "usage"
}

variable "alert_email" {
  type = string
}
