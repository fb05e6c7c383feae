variable "name" {
  description = "Name of the table."
  type        = string
}

variable "hash_key" {
  description = "Name of the partition key, a string."
  type        = string
  default     = "pk"
}

variable "ttl_attribute" {
  description = "Attribute with the second (Unix time) after which an item may go; items without it stay."
  type        = string
  default     = "expires_at"
}

variable "deletion_protection" {
  description = "Refuse to delete the table."
  type        = bool
}
