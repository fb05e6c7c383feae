"""The todos service's database schema, and the function that brings a database to it."""
