"""References of an OpenAPI document to its own parts: `{"$ref": "#/components/parameters/Page"}`."""

from __future__ import annotations

from typing import Any

from .documents import Document, malformed

LONGEST_CHAIN = 20


class References:
    def __init__(self, document: Document) -> None:
        self._document = document

    def resolved(self, value: Any, where: str) -> Document:
        """The object itself, or what it refers to."""
        chain = 0
        while isinstance(value, dict) and "$ref" in value:
            chain += 1
            if chain > LONGEST_CHAIN:
                raise malformed(f"{where} refers to itself: {value['$ref']}")
            value = self._at(value["$ref"], where)
        if not isinstance(value, dict):
            raise malformed(f"{where} must be an object")
        return value

    def _at(self, reference: Any, where: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise malformed(f"{where} refers to {reference}: only references within the document are possible")
        value: Any = self._document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, dict) or name not in value:
                raise malformed(f"{where} refers to {reference}, which is not there")
            value = value[name]
        return value
