"""The tasks service: tasks in DynamoDB, changed by those only who have seen what they change."""
