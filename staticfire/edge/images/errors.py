"""What is wrong with an image or a blob of one."""

from __future__ import annotations


class BadImage(ValueError):
    """Hostile, damaged, or of a kind that is not served; the message says which."""


class UnsupportedImage(BadImage):
    """A media type that Lambda does not take."""


class DigestMismatch(BadImage):
    """The content is not what its digest says."""


class UploadRefused(ValueError):
    """A piece that does not follow what is there, or is too much."""

    def __init__(self, why: str, received: int) -> None:
        super().__init__(why)
        self.received = received
