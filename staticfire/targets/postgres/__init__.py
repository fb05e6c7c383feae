"""A real Postgres server as a process of its own."""
