"""Terraform: found, run in working copies, read."""
