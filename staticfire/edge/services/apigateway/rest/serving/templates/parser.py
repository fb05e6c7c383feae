"""Velocity's templates, parsed by hand: airspeed and its forks read Python's attributes, copy the rest of the text at
every step, and cannot be interrupted.

https://velocity.apache.org/engine/1.7/vtl-reference.html. A directive takes the line feed after it along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from . import nodes
from .budget import MAX_DEPTH, MAX_TEMPLATE, TemplateFailed
from .values import wrapped

_PLAIN = re.compile(r"[^$#\\]+")
_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_REFERENCE = re.compile(r"\$(!?)(\{?)([A-Za-z_][\w-]*)", re.ASCII)
_DIRECTIVE = re.compile(r"#(\{)?([A-Za-z_]\w*)(?(1)\})", re.ASCII)
_COMMENT = re.compile(r"##[^\n]*(?:\n|$)|#\*.*?(?:\*#(?:[ \t]*\r?\n)?|$)", re.DOTALL)
_VERBATIM = re.compile(r"#\[\[(.*?)\]\]#", re.DOTALL)
_LINE_END = re.compile(r"[ \t]*\r?\n")
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|""|\\.)*)"', re.DOTALL)
_OPERATOR = re.compile(r"\s*(\|\||&&|==|!=|<=|>=|<|>|\+|-|\*|/|%|(?:or|and|eq|ne|lt|gt|le|ge)\b)")
_MACRO = re.compile(r"#(?:macro|\{macro\})\s*\(\s*([A-Za-z_]\w*)", re.ASCII)
_WORDS = {"or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}
# From the loosest to the tightest.
_LEVELS: Sequence[frozenset[str]] = (
    frozenset(("||",)),
    frozenset(("&&",)),
    frozenset(("==", "!=")),
    frozenset(("<", ">", "<=", ">=")),
    frozenset(("+", "-")),
    frozenset(("*", "/", "%")),
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_ENDS = ("end", "else", "elseif")


@lru_cache(512)
def parsed(text: str) -> nodes.TemplateBlock:
    if len(text) > MAX_TEMPLATE:
        raise TemplateFailed(f"the mapping template is {len(text)} characters long, more than {MAX_TEMPLATE}")
    return _Parser(text, frozenset(_MACRO.findall(text))).template()


class _Parser:
    def __init__(self, text: str, macros: frozenset[str], depth: int = 0) -> None:
        self._text = text
        self._at = 0
        self._macros = macros
        self._depth = depth

    def template(self) -> nodes.TemplateBlock:
        block, end = self._block(())
        if end:
            raise self._error(f"#{end} stands outside of #if, #foreach, #macro and #define")
        return block

    # What is rendered.

    def _block(self, ends: Sequence[str]) -> tuple[nodes.TemplateBlock, str]:
        """Nodes up to one of `ends`, or up to the end of the text; which it was."""
        self._deeper()
        made: list[nodes.TemplateNode] = []
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == "$":
                made.append(self._reference() or self._letter())
            elif letter == "\\":
                made.append(self._escaped())
            elif letter == "#":
                end = self._hash(made, ends)
                if end:
                    self._depth -= 1
                    return nodes.TemplateBlock(made), end
            else:
                plain = _PLAIN.match(self._text, self._at)
                assert plain is not None
                self._at = plain.end()
                made.append(nodes.Text(plain[0]))
        if ends:
            raise self._error("#end is missing")
        self._depth -= 1
        return nodes.TemplateBlock(made), ""

    def _hash(self, made: list[nodes.TemplateNode], ends: Sequence[str]) -> str:
        """What begins with `#`; the name of the end that it is."""
        if self._take(_COMMENT):
            return ""
        if verbatim := self._take(_VERBATIM):
            made.append(nodes.Text(verbatim[1]))
            return ""
        start = self._at
        name = directive[2] if (directive := self._take(_DIRECTIVE)) else ""
        if name in _ENDS:
            if name != "elseif":
                self._take(_LINE_END)
            if name not in ends:
                raise self._error(f"#{name} stands where none can be")
            return name
        node = self._directive(name)
        if node is None:
            self._at = start
            node = self._letter()
        made.append(node)
        return ""

    def _directive(self, name: str) -> nodes.TemplateNode | None:
        """The node; None for what is no directive, which is text."""
        if name == "set":
            return self._set()
        if name == "if":
            return self._if()
        if name == "foreach":
            return self._foreach()
        if name in ("macro", "define"):
            return self._named_block(name)
        if name in ("stop", "break"):
            self._take(_LINE_END)
            return nodes.Leave(nodes.Stop if name == "stop" else nodes.Break)
        if name in ("include", "parse", "evaluate"):
            raise self._error(f"#{name} is not a directive of mapping templates")
        return self._macro_use(name) if name in self._macros else None

    def _set(self) -> nodes.TemplateNode:
        self._open()
        target = self._reference()
        if target is None:
            raise self._error("#set wants a variable")
        self._expect("=")
        expression = self._expression()
        self._close()
        return nodes.Set(target, expression)

    def _if(self) -> nodes.TemplateNode:
        branches: list[tuple[nodes.Expression, nodes.TemplateBlock]] = []
        otherwise, end = None, "elseif"
        while end == "elseif":
            self._open()
            condition = self._expression()
            self._close()
            block, end = self._block(_ENDS)
            branches.append((condition, block))
        if end == "else":
            otherwise, _ = self._block(("end",))
        return nodes.If(branches, otherwise)

    def _foreach(self) -> nodes.TemplateNode:
        self._open()
        variable = self._take(_REFERENCE)
        if variable is None:
            raise self._error("#foreach wants a variable")
        if variable[2]:
            self._expect("}")
        self._space()
        if not self._text.startswith("in", self._at):
            raise self._error("#foreach wants `in`")
        self._at += 2
        items = self._expression()
        self._close()
        block, _ = self._block(("end",))
        return nodes.Foreach(variable[3], items, block)

    def _named_block(self, kind: str) -> nodes.TemplateNode:
        self._open()
        names: list[str] = []
        while not self._sees(")"):
            if not names and kind == "macro":
                name = self._take(_NAME)
                names.append(name[0] if name else "")
            else:
                variable = self._take(_REFERENCE)
                names.append(variable[3] if variable else "")
                if variable and variable[2]:
                    self._expect("}")
            if not names[-1]:
                raise self._error(f"#{kind} wants a name")
            self._space()
            if self._sees(","):
                self._at += 1
        self._close()
        if not names:
            raise self._error(f"#{kind} wants a name")
        block, _ = self._block(("end",))
        if kind == "define":
            return nodes.Define(names[0], block)
        return nodes.Macro(names[0], names[1:], block)

    def _macro_use(self, name: str) -> nodes.TemplateNode | None:
        self._space()
        if not self._sees("("):
            return None
        self._at += 1
        arguments: list[nodes.Expression] = []
        while not self._sees(")"):
            arguments.append(self._expression())
            if self._sees(","):
                self._at += 1
        self._close()
        return nodes.MacroUse(name, arguments)

    def _letter(self) -> nodes.Text:
        self._at += 1
        return nodes.Text(self._text[self._at - 1])

    def _escaped(self) -> nodes.Text:
        following = self._text[self._at + 1 : self._at + 2]
        if following in ("$", "#") and following:
            self._at += 2
            return nodes.Text(following)
        return self._letter()

    def _reference(self) -> nodes.Reference | None:
        self._space_in_expression()
        start = self._at
        head = self._take(_REFERENCE)
        if head is None:
            return None
        accessors: list[nodes.Accessor] = []
        while accessor := self._accessor():
            accessors.append(accessor)
        if head[2]:
            if not self._sees("}", skip=False):
                self._at = start
                return None
            self._at += 1
        return nodes.Reference(head[3], accessors)

    def _accessor(self) -> nodes.Accessor | None:
        if self._sees("[", skip=False):
            self._at += 1
            index = self._expression()
            self._expect("]")
            return nodes.Index(index)
        if not self._sees(".", skip=False):
            return None
        name = _NAME.match(self._text, self._at + 1)
        if name is None:
            return None
        self._at = name.end()
        if not self._sees("(", skip=False):
            return nodes.Property(name[0])
        self._at += 1
        return nodes.MethodCall(name[0], self._listed(")"))

    # Expressions.

    def _expression(self, level: int = 0) -> nodes.Expression:
        if level == len(_LEVELS):
            return self._unary()
        if level == 0:
            self._deeper()
        left = self._expression(level + 1)
        while True:
            operator = _OPERATOR.match(self._text, self._at)
            symbol = _WORDS.get(operator[1], operator[1]) if operator else ""
            if operator is None or symbol not in _LEVELS[level]:
                self._depth -= level == 0
                return left
            self._at = operator.end()
            right = self._expression(level + 1)
            if symbol in ("||", "&&"):
                left = nodes.Logical(left, right, symbol == "||")
            else:
                left = nodes.Binary(symbol, left, right)

    def _unary(self) -> nodes.Expression:
        self._space()
        if self._sees("!") and not self._sees("!="):
            self._at += 1
            return self._negated()
        name = _NAME.match(self._text, self._at)
        if name and name[0] == "not":
            self._at = name.end()
            return self._negated()
        return self._primary()

    def _negated(self) -> nodes.Expression:
        self._deeper()
        operand = nodes.Not(self._unary())
        self._depth -= 1
        return operand

    def _primary(self) -> nodes.Expression:
        self._space()
        letter = self._text[self._at : self._at + 1]
        if letter == "$" and (reference := self._reference()):
            return reference
        if letter == "(":
            self._at += 1
            inner = self._expression()
            self._expect(")")
            return inner
        if letter == "[":
            return self._list()
        if letter == "{":
            return self._map()
        if letter == "'" and (single := self._take(_SINGLE)):
            return nodes.Literal(single[1].replace("''", "'"))
        if letter == '"' and (double := self._take(_DOUBLE)):
            return self._interpolated(double[1].replace('""', '"'))
        if number := self._take(_NUMBER):
            return nodes.Literal(_number(number))
        if (name := self._take(_NAME)) and name[0] in _CONSTANTS:
            return nodes.Literal(_CONSTANTS[name[0]])
        raise self._error("an expression is missing or not valid")

    def _interpolated(self, text: str) -> nodes.Expression:
        if "$" not in text and "#" not in text:
            return nodes.Literal(text)
        return nodes.Interpolated(_Parser(text, self._macros, self._depth + 1).template())

    def _list(self) -> nodes.Expression:
        self._at += 1
        if self._sees("]"):
            self._at += 1
            return nodes.ListLiteral(())
        first = self._expression()
        self._space()
        if self._text.startswith("..", self._at):
            self._at += 2
            last = self._expression()
            self._expect("]")
            return nodes.RangeLiteral(first, last)
        items = [first]
        if self._sees(","):
            self._at += 1
            items += self._listed("]")
        else:
            self._expect("]")
        return nodes.ListLiteral(items)

    def _map(self) -> nodes.Expression:
        self._at += 1
        items: list[tuple[nodes.Expression, nodes.Expression]] = []
        while not self._sees("}"):
            if items:
                self._expect(",")
            key = self._primary()
            self._expect(":")
            items.append((key, self._expression()))
        self._at += 1
        return nodes.MapLiteral(items)

    def _listed(self, end: str) -> list[nodes.Expression]:
        """Expressions between commas, and the end after them."""
        items: list[nodes.Expression] = []
        while not self._sees(end):
            if items:
                self._expect(",")
            items.append(self._expression())
        self._at += 1
        return items

    # The text.

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _space(self) -> None:
        self._take(_SPACE)

    def _space_in_expression(self) -> None:
        if self._at < len(self._text) and self._text[self._at] != "$":
            self._space()

    def _sees(self, text: str, *, skip: bool = True) -> bool:
        if skip:
            self._space()
        return self._text.startswith(text, self._at)

    def _expect(self, text: str) -> None:
        if not self._sees(text):
            raise self._error(f"{text!r} is missing")
        self._at += len(text)

    def _open(self) -> None:
        self._expect("(")

    def _close(self) -> None:
        self._expect(")")
        self._take(_LINE_END)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"it is nested more than {MAX_DEPTH} deep")

    def _error(self, what: str) -> TemplateFailed:
        line = self._text.count("\n", 0, self._at) + 1
        rest = self._text[self._at : self._at + 40]
        return TemplateFailed(f"the mapping template is not valid: {what} in line {line}, before {rest!r}")


def _number(match: re.Match[str]) -> Any:
    text = match[0]
    if text.lstrip("-").isdigit():
        return wrapped(int(text[:40]))
    return float(text)
