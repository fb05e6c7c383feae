"""What the services share: the database connection, signed calls to AWS, HTTP answers, schema migrations."""
