resource "random_pet" "name" {
  length = 2
}

resource "random_id" "suffix" {
  byte_length = 4
}

resource "aws_sqs_queue" "queue" {
  name = "${random_pet.name.id}-${random_id.suffix.hex}"

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [tags]

    precondition {
      condition     = length(random_id.suffix.hex) == 8
      error_message = "A suffix has eight digits."
    }
  }
}

moved {
  from = aws_sqs_queue.old
  to   = aws_sqs_queue.queue
}

check "the_queue_is_named" {
  assert {
    condition     = aws_sqs_queue.queue.name != ""
    error_message = "The queue does not have a name."
  }
}

resource "terraform_data" "marker" {
  input = aws_sqs_queue.queue.arn
}

output "queue" {
  value = aws_sqs_queue.queue.url
}
