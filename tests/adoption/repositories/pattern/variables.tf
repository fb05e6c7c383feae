variable "aws_region" {
  type    = string
  default = "eu-west-3"
}
