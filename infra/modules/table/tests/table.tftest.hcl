# What a table is, checked on applies against a mocked provider.

mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                = "things"
  deletion_protection = false
}

run "the_table_is_on_demand_with_ttl_and_point_in_time_recovery" {
  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table must be paid by the request."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.ttl).enabled && one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at"
    error_message = "Idempotency marks must expire."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.point_in_time_recovery).enabled && one(aws_dynamodb_table.this.server_side_encryption).enabled
    error_message = "The table must be encrypted, and restorable to any second."
  }
}

run "a_table_has_the_keys_indexes_and_stream_that_are_asked_for" {
  variables {
    range_key              = "sk"
    key_types              = { at = "N" }
    stream_view_type       = "NEW_IMAGE"
    point_in_time_recovery = false

    indexes = {
      by-owner = { hash_key = "owner", range_key = "at" }
      by-state = { hash_key = "state", include = ["title"] }
    }
  }

  assert {
    condition     = { for key in aws_dynamodb_table.this.attribute : key.name => key.type } == { pk = "S", sk = "S", owner = "S", at = "N", state = "S" }
    error_message = "Every key attribute must be declared once, with its type."
  }

  assert {
    condition     = { for index in aws_dynamodb_table.this.global_secondary_index : index.name => index.projection_type } == { by-owner = "ALL", by-state = "INCLUDE" }
    error_message = "An index that names attributes must copy those only."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && !one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "The stream must be on, and recovery off."
  }
}

run "the_counters_are_keyed_by_limit_and_window_and_expire" {
  variables {
    hash_key               = "limiter_key"
    range_key              = "window_start"
    key_types              = { window_start = "N" }
    point_in_time_recovery = false
  }

  assert {
    condition     = { for key in aws_dynamodb_table.this.attribute : key.name => key.type } == { limiter_key = "S", window_start = "N" }
    error_message = "The window's start is a number."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.server_side_encryption).enabled && one(aws_dynamodb_table.this.ttl).enabled
    error_message = "The table must be encrypted, and its items must expire."
  }

  assert {
    condition     = !one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "Point-in-time recovery is optional."
  }
}
