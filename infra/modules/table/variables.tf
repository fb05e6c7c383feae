variable "name" {
  description = "Name of the table."
  type        = string
}

variable "hash_key" {
  description = "Name of the partition key."
  type        = string
  default     = "pk"
}

variable "range_key" {
  description = "Name of the sort key; null: there is none."
  type        = string
  default     = null
}

variable "key_types" {
  description = "Types (N, B) of the key attributes, of the indexes too, that are not strings."
  type        = map(string)
  default     = {}
}

variable "indexes" {
  description = "Global secondary indexes by name; `include` names the attributes to copy where `projection` (ALL, KEYS_ONLY) is not apt."
  type = map(object({
    hash_key   = string
    range_key  = optional(string)
    projection = optional(string, "ALL")
    include    = optional(list(string), [])
  }))
  default = {}
}

variable "ttl_attribute" {
  description = "Attribute with the second (Unix time) after which an item may go; items without it stay."
  type        = string
  default     = "expires_at"
}

variable "stream_view_type" {
  description = "What the stream tells of a change, as NEW_AND_OLD_IMAGES; null: there is no stream."
  type        = string
  default     = null
}

variable "point_in_time_recovery" {
  description = "Restorable to any second of the last 35 days."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuse to delete the table."
  type        = bool
}
