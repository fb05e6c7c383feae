"""What a request can end in besides its answer: refused for what it says, or not possible now."""

from collections.abc import Mapping, Sequence

Problem = dict[str, str]


class Unavailable(Exception):
    """A store cannot be reached or is overloaded: the caller answers 503 and its client tries again."""


class Refused(Exception):
    """The request is wrong; `problems` is empty when the status says it all."""

    def __init__(
        self, status: int, message: str, problems: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = list(problems)
        self.headers = headers
