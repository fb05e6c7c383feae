"""The one error that every dependency raises when it cannot be used now, whatever the reason below it was."""


class Unavailable(Exception):
    """A store cannot be reached or is overloaded: the caller answers 503 and its client tries again."""
