"""IAM: what the edge learns of it on its way."""
