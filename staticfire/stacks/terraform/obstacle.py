"""Something in a plan that will not work here as on AWS, and how much it stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Weight(IntEnum):
    """How much an obstacle stands in the way."""

    LESS = 1  # it runs, with less than on AWS
    DESCRIBED = 2  # it can be made and read, and nothing follows from it
    UNTRIED = 3  # nobody knows
    REFUSED = 4  # each use of it would be an error


@dataclass(frozen=True)
class Obstacle:
    address: str
    what: str
    remedy: str
    weight: Weight = Weight.REFUSED
    type: str = ""

    def __str__(self) -> str:
        return f"{self.address} {self.what}. {self.remedy}."
