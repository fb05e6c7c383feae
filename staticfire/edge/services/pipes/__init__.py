"""EventBridge Pipes: a source is read in batches, filtered, enriched, transformed and handed to a target.

source (SQS, DynamoDB stream, Kinesis) -> filter -> enrichment (Lambda, Step Functions) -> input template -> target
"""
