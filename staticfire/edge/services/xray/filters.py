"""X-Ray's filter expressions: `service("usage-api") { fault } AND http.status >= 500 AND annotation[user] = "u1"`.

https://docs.aws.amazon.com/xray/latest/devguide/aws-xray-interface-console.html#console-filters: no library has them.

    expression = term { OR term };  term = factor { AND factor };  factor = [NOT | !] ( "(" expression ")" | test )
    test = keyword [operator value] | service(NAME) [{ expression }] | edge(NAME, NAME) [{ expression }]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from staticfire.edge.aws.calls import AwsError

LONGEST = 2000
DEEPEST = 30

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)"""
    r"""|(?P<sign><=|>=|!=|[=<>!(){}\[\],:]))"""
)
BOOLEANS = frozenset(("ok", "error", "fault", "throttle", "partial", "inferred", "first", "last", "remote", "root"))
NUMBERS = frozenset(("responsetime", "duration", "http.status", "index", "coldstart"))
TEXTS = frozenset(("http.url", "http.method", "http.useragent", "http.clientip", "user", "name", "message"))


@dataclass(frozen=True)
class Seen:
    """What an expression looks at: a trace, or one service in it."""

    booleans: Mapping[str, bool]
    numbers: Mapping[str, float]
    texts: Mapping[str, Sequence[str]]
    annotations: Mapping[str, Sequence[str | float | bool]] = field(default_factory=dict)
    services: Sequence[tuple[str, str, Seen]] = ()  # name, type
    edges: Sequence[tuple[str, str]] = ()


Test = Callable[[Seen], bool]


def compiled(expression: str) -> Test:
    """The test that an expression is; an AwsError says what is wrong with it."""
    if len(expression) > LONGEST:
        raise _bad(f"it is longer than {LONGEST} characters")
    parser = _Parser(_tokens(expression))
    test = parser.expression(0)
    if parser.peek() != ("", ""):
        raise _bad(f"{parser.peek()[1]!r} is not expected")
    return test


def _bad(why: str) -> AwsError:
    return AwsError(400, "InvalidRequestException", f"Invalid filter expression: {why}.")


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad(f"{text[at : at + 20]!r} cannot be read")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        token = self.peek()
        self._at += 1
        return token

    def _takes(self, *values: str) -> bool:
        if self.peek()[0] in ("word", "sign") and self.peek()[1].upper() in values:
            self._at += 1
            return True
        return False

    def _want(self, value: str) -> None:
        if not self._takes(value):
            raise _bad(f"{value!r} is missing before {self.peek()[1]!r}")

    def expression(self, depth: int) -> Test:
        if depth > DEEPEST:
            raise _bad("it is nested too deeply")
        tests = [self._term(depth)]
        while self._takes("OR"):
            tests.append(self._term(depth))
        return tests[0] if len(tests) == 1 else lambda seen: any(test(seen) for test in tests)

    def _term(self, depth: int) -> Test:
        tests = [self._factor(depth)]
        while self._takes("AND"):
            tests.append(self._factor(depth))
        return tests[0] if len(tests) == 1 else lambda seen: all(test(seen) for test in tests)

    def _factor(self, depth: int) -> Test:
        if self._takes("NOT", "!"):
            if depth > DEEPEST:
                raise _bad("it is nested too deeply")
            test = self._factor(depth + 1)
            return lambda seen: not test(seen)
        if self._takes("("):
            test = self.expression(depth + 1)
            self._want(")")
            return test
        return self._test(depth)

    def _test(self, depth: int) -> Test:
        kind, word = self._next()
        name = word.lower()
        if kind != "word":
            raise _bad(f"{word!r} is not a keyword" if word else "it ends too early")
        if name in ("service", "edge"):
            return self._of_services(name, depth)
        if name == "annotation" and self._takes("["):
            key = self._text() if self.peek()[0] == "text" else self._next()[1]
            self._want("]")
            return self._annotation(key)
        if name.startswith("annotation."):
            return self._annotation(word[len("annotation.") :])
        if name in BOOLEANS:
            return self._boolean(name)
        if name in NUMBERS:
            return self._number(name)
        if name in TEXTS:
            return self._texts(name)
        raise _bad(f"{word!r} is not a keyword that is known here")

    def _boolean(self, name: str) -> Test:
        value = True
        if self._takes("="):
            value = self._takes("TRUE") or not self._takes("FALSE")
        elif self._takes("!="):
            value = not (self._takes("TRUE") or not self._takes("FALSE"))
        return lambda seen: seen.booleans.get(name, False) is value

    def _number(self, name: str) -> Test:
        compare = _COMPARISONS.get(self._next()[1])
        kind, text = self._next()
        if compare is None or kind != "number":
            raise _bad(f"{name!r} is compared (=, !=, <, <=, >, >=) with a number")
        value = float(text)
        return lambda seen: name in seen.numbers and compare(seen.numbers[name], value)

    def _texts(self, name: str) -> Test:
        compare, negated = self._text_operator(name)
        value = self._text().lower()
        return lambda seen: any(compare(text.lower(), value) for text in seen.texts.get(name, ())) is not negated

    def _text_operator(self, name: str) -> tuple[Callable[[str, str], bool], bool]:
        operator = self._next()[1].upper()
        compare = _OF_TEXTS.get(operator)
        if compare is None:
            raise _bad(f"{name!r} is compared by =, !=, CONTAINS, BEGINSWITH or ENDSWITH")
        return compare, operator == "!="

    def _text(self) -> str:
        kind, text = self._next()
        if kind != "text":
            raise _bad(f"a text in quotation marks is missing before {text!r}")
        return re.sub(r"\\(.)", r"\1", text[1:-1])

    def _annotation(self, key: str) -> Test:
        sign = self.peek()
        if sign[0] == "" or sign[1].upper() in ("AND", "OR", ")", "}"):
            return lambda seen: key in seen.annotations
        operator = self._next()[1]
        kind, text = self.peek()
        if kind == "number" and operator in _COMPARISONS:
            self._next()
            number, compare = float(text), _COMPARISONS[operator]
            return lambda seen: any(
                isinstance(value, int | float) and not isinstance(value, bool) and compare(float(value), number)
                for value in seen.annotations.get(key, ())
            )
        if kind == "word" and text.lower() in ("true", "false") and operator in ("=", "!="):
            self._next()
            wish = (text.lower() == "true") is (operator == "=")
            return lambda seen: any(value is wish for value in seen.annotations.get(key, ()))
        of_text = _OF_TEXTS.get(operator.upper())
        if of_text is None:
            raise _bad(f"{operator!r} does not compare annotations")
        value, negated = self._text(), operator == "!="
        return lambda seen: any(of_text(str(one), value) is not negated for one in seen.annotations.get(key, ()))

    def _of_services(self, what: str, depth: int) -> Test:
        self._want("(")
        names = []
        while not self._takes(")"):
            names.append(self._service_name())
            if not self._takes(",") and self.peek()[1] != ")":
                raise _bad(f"{what}() is not closed")
        within: Test | None = None
        if self._takes("{"):
            within = self.expression(depth + 1)
            self._want("}")
        if what == "edge":
            if len(names) != 2:
                raise _bad("edge() names two services")
            source, target = names[0][0], names[1][0]
            return lambda seen: (source, target) in seen.edges
        name, kind = names[0] if names else ("", "")
        return lambda seen: any(
            (not name or one == name) and (not kind or of == kind) and (within is None or within(inside))
            for one, of, inside in seen.services
        )

    def _service_name(self) -> tuple[str, str]:
        """`"name"`, or `id(name: "name", type: "AWS::Lambda::Function")`."""
        if self.peek()[0] == "text":
            return self._text(), ""
        if not self._takes("ID"):
            raise _bad(f"{self.peek()[1]!r} does not name a service")
        self._want("(")
        members: dict[str, str] = {}
        while not self._takes(")"):
            word = self._next()[1].lower()
            self._want(":")
            members[word] = self._text()
            if not self._takes(",") and self.peek()[1] != ")":
                raise _bad("id() is not closed")
        return members.get("name", ""), members.get("type", "")


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_OF_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a == b,
    "CONTAINS": lambda a, b: b in a,
    "BEGINSWITH": lambda a, b: a.startswith(b),
    "ENDSWITH": lambda a, b: a.endswith(b),
}
