"""`python -m staticfire`."""

from staticfire.cli.entry import main

main()
