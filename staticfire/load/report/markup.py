"""HTML and SVG as nested calls: `element("p", "a < b", class_="note")`. Text is escaped; only elements are markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset(("br", "col", "meta"))


class Markup(str):
    """Markup that is safe to put into a page: what `element` made."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Attributes: `class_` is class, `stroke_width` is stroke-width; None leaves one out."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{named}>")
    return Markup(f"<{name}{named}>{''.join(map(_content, children))}</{name}>")


def _content(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child, quote=False)
    return "".join(map(_content, child))


def _text(value: str | float) -> str:
    """Numbers as short as a drawing needs them."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
