"""The chat service: rooms over a WebSocket API, who is in them and what was said last in DynamoDB."""
