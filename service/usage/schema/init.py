"""The init function: brings the database's schema up to date. Terraform invokes it when this package has changed."""

from pathlib import Path

from servicekit.migrations import init_handler

handler = init_handler(Path(__file__).with_name("migrations"))
