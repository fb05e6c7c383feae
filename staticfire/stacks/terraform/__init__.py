"""Terraform: find it, run it in working copies, read what it says."""
