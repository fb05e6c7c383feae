"""Something in a plan that will not work here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Obstacle:
    """`refuses`: it could not run at all, so that nothing is applied."""

    address: str
    what: str
    remedy: str
    refuses: bool = False

    def __str__(self) -> str:
        return f"{self.address} {self.what}. {self.remedy}."
