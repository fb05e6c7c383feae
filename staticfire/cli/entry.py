"""The command `staticfire`: it can be interrupted quietly while Python imports what it is made of."""

from staticfire.host.leave import leave_at_once


def main() -> None:
    leave_at_once()
    from .main import main as command

    command()
