"""What one rendering of a template may take: steps, and sizes of texts. Whoever wrote it, it ends."""

from __future__ import annotations

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_TEMPLATE = 300 * 1024
MAX_ITERATIONS = 1000
# A text, rendered or held, is never longer than a payload may be.
MAX_TEXT = 10 * 1024 * 1024
MAX_DEPTH = 60
# A step is about a microsecond. Copying 256 characters counts as one.
STEPS = 400_000
CHARACTERS_A_STEP = 256


class TemplateFailed(Exception):
    """The template is not valid, or cannot be rendered: the text says why."""


class OutOfBudget(TemplateFailed):
    """The rendering takes more than it may."""


class Budget:
    """Counts down. `spend` is called for each step, `text` for each text that is made."""

    __slots__ = ("_left",)

    def __init__(self, steps: int = STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise OutOfBudget("the mapping template takes too many steps")

    def text(self, length: int) -> None:
        if length > MAX_TEXT:
            raise OutOfBudget(f"the mapping template makes a text of {length} characters, more than {MAX_TEXT}")
        self.spend(length // CHARACTERS_A_STEP + 1)
