"""`python -m staticfire`."""

from staticfire.cli.main import main

main()
