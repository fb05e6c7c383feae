"""The todos service: users in Postgres, their todos in DynamoDB."""
