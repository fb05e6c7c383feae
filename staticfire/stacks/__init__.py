"""A stack: its packages, its database, its Terraform, applied."""
