"""Staticfire: run AWS serverless stacks locally, as they are, before any deploy."""

__version__ = "0.1.0"
