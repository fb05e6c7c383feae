"""`python -m staticfire`."""

from .cli import main

main()
