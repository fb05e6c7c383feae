# A DynamoDB table that is paid by the request, encrypted, and restorable to any second of the last 35 days.

locals {
  index_keys = flatten([for index in var.indexes : [index.hash_key, index.range_key]])
  key_names  = toset(compact(concat([var.hash_key, var.range_key], local.index_keys)))
}

resource "aws_dynamodb_table" "this" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = var.hash_key
  range_key    = var.range_key

  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.key_names

    content {
      name = attribute.value
      type = lookup(var.key_types, attribute.value, "S")
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes

    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash_key
      range_key          = global_secondary_index.value.range_key
      projection_type    = length(global_secondary_index.value.include) > 0 ? "INCLUDE" : global_secondary_index.value.projection
      non_key_attributes = length(global_secondary_index.value.include) > 0 ? global_secondary_index.value.include : null
    }
  }

  stream_enabled   = var.stream_view_type != null
  stream_view_type = var.stream_view_type

  ttl {
    enabled        = true
    attribute_name = var.ttl_attribute
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled = true
  }
}
