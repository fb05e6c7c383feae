"""What a query of Insights means: its commands in their order."""

from __future__ import annotations

from collections.abc import Sequence

from .aggregates import AGGREGATES, WITH_PARAMETER
from .commands import Command, Dedup, Display, Fields, Filter, Limit, Named, Parse, Sort, Stats
from .expressions import (
    COMPARISONS,
    OPERATIONS,
    AggregateOf,
    Among,
    Bin,
    Computed,
    FieldOf,
    Junction,
    LiteralValue,
    Matches,
    QueryExpression,
)
from .functions import FUNCTIONS, floor_of
from .patterns import Pattern, of_glob
from .tokens import LONGEST, MalformedQuery, Token, tokens

DEEPEST = 50
COMMANDS = ("fields", "filter", "stats", "sort", "limit", "display", "parse", "dedup")
ELSEWHERE = ("pattern", "diff", "anomaly", "unmask", "unnest", "lookup", "join", "filterindex", "source", "addtotals")
MOST = 10_000


def parsed(query: str) -> list[Command]:
    """The commands; MalformedQuery says what is wrong, and where."""
    if len(query) > LONGEST:
        raise MalformedQuery(f"the query is longer than {LONGEST} characters", 0, len(query))
    return _Parser(query).commands()


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = tokens(query)
        self._at = 0
        self._depth = 0

    # -- tokens

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._here
        self._at += token.kind != ""
        return token

    def _takes(self, *words: str) -> bool:
        token = self._here
        if (token.kind == "sign" and token.text in words) or (token.word and token.word in words):
            self._at += 1
            return True
        return False

    def _want(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(f"{word!r}")

    def _unexpected(self, instead: str) -> MalformedQuery:
        token = self._here
        what = f"unexpected symbol found {token.text}" if token.kind else "the query ends too early"
        return MalformedQuery(f"{what}: expected {instead}", token.begin, max(token.end, token.begin + 1))

    # -- commands

    def commands(self) -> list[Command]:
        commands = []
        while self._takes("|"):
            pass
        while self._here.kind:
            commands.append(self._command())
            if self._here.kind:
                self._want("|")
        if not commands:
            raise MalformedQuery("the query is empty", 0, 1)
        return commands

    def _command(self) -> Command:
        token = self._next()
        if token.word in ELSEWHERE:
            message = f"the command {token.text!r} is not served here: {', '.join(COMMANDS)} are"
            raise MalformedQuery(message, token.begin, token.end)
        if token.word not in COMMANDS:
            raise MalformedQuery(f"unexpected symbol found {token.text}: expected a command", token.begin, token.end)
        made: Command = getattr(self, f"_{token.word}")()
        return made

    def _fields(self) -> Command:
        return Fields(tuple(self._named()))

    def _display(self) -> Command:
        return Display(tuple(self._named()))

    def _filter(self) -> Command:
        return Filter(self._expression())

    def _stats(self) -> Command:
        wanted_columns = self._named()
        for column in wanted_columns:
            if not column.expression.aggregates():
                raise self._unexpected(f"an aggregate, as count(*), and not {column.name!r}")
        by = self._named() if self._takes("by") else []
        return Stats(tuple(wanted_columns), tuple(by))

    def _sort(self) -> Command:
        self._takes("by")
        keys = []
        while True:
            expression = self._expression()
            descending = self._takes("desc") or not self._takes("asc")
            keys.append((expression, descending))
            if not self._takes(","):
                return Sort(tuple(keys))

    def _limit(self) -> Command:
        token = self._next()
        if token.kind != "number" or not token.text.isdecimal() or not 1 <= int(token.text) <= MOST:
            raise MalformedQuery(
                f"limit takes a whole number from 1 to {MOST}", token.begin, max(token.end, token.begin + 1)
            )
        return Limit(int(token.text))

    def _dedup(self) -> Command:
        return Dedup(tuple(column.expression for column in self._named()))

    def _parse(self) -> Command:
        subject: QueryExpression = FieldOf("@message", "@message")
        if self._here.kind in ("name", "quoted"):
            subject = self._primary()
        token = self._next()
        if token.kind not in ("text", "regex"):
            raise MalformedQuery(
                "parse takes a text with * or a /regular expression/", token.begin, max(token.end, token.begin + 1)
            )
        pattern = self._pattern(of_glob(_unquoted(token)) if token.kind == "text" else token.text, token)
        names: Sequence[str] = pattern.names
        if self._takes("as"):
            names = [self._name()]
            while self._takes(","):
                names.append(self._name())
            if pattern.names or len(names) != pattern.groups:
                what = f"the pattern has {pattern.groups} parts, and {len(names)} names are given"
                raise MalformedQuery(what, token.begin, token.end)
        elif not names:
            raise MalformedQuery("parse needs names: `as a, b`, or groups (?<a>...)", token.begin, token.end)
        return Parse(subject, pattern, tuple(names), named=bool(pattern.names))

    def _named(self) -> list[Named]:
        columns = [self._column()]
        while self._takes(","):
            columns.append(self._column())
        return columns

    def _column(self) -> Named:
        expression = self._expression()
        name = self._name() if self._takes("as") else expression.source
        return Named(name, expression)

    def _name(self) -> str:
        token = self._next()
        if token.kind not in ("name", "quoted"):
            raise MalformedQuery(f"{token.text!r} is not a name", token.begin, max(token.end, token.begin + 1))
        return token.text.strip("`")

    # -- expressions, from what binds least

    def _expression(self) -> QueryExpression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise MalformedQuery("the query is nested too deeply", self._here.begin, self._here.begin + 1)
        begin = self._at
        parts = [self._and()]
        while self._takes("or"):
            parts.append(self._and())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Junction(self._source(begin), "or", tuple(parts))

    def _and(self) -> QueryExpression:
        begin = self._at
        parts = [self._not()]
        while self._takes("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Junction(self._source(begin), "and", tuple(parts))

    def _not(self) -> QueryExpression:
        begin, count = self._at, 0
        while self._takes("not"):
            count += 1
        inner = self._comparison()
        return Junction(self._source(begin), "not", (inner,)) if count % 2 else inner

    def _comparison(self) -> QueryExpression:
        begin = self._at
        left = self._sum()
        negated = self._takes("not")
        if self._takes("like", "=~"):
            token = self._next()
            if token.kind == "regex":
                return Matches(self._source(begin), left, self._pattern(token.text, token), "", negated)
            if token.kind == "text":
                return Matches(self._source(begin), left, None, _unquoted(token), negated)
            raise MalformedQuery(
                "like takes a text or a /regular expression/", token.begin, max(token.end, token.begin + 1)
            )
        if self._takes("in"):
            self._want("[")
            choices = [self._sum()]
            while self._takes(","):
                choices.append(self._sum())
            self._want("]")
            return Among(self._source(begin), left, tuple(choices), negated)
        if negated:
            raise self._unexpected("like or in after not")
        for sign, function in COMPARISONS.items():
            if self._takes(sign):
                right = self._sum()
                return Computed(self._source(begin), function, (left, right))
        return left

    def _sum(self) -> QueryExpression:
        return self._left_to_right(("+", "-"), self._product)

    def _product(self) -> QueryExpression:
        return self._left_to_right(("*", "/", "%"), self._power)

    def _left_to_right(self, signs: tuple[str, ...], operand: object) -> QueryExpression:
        assert callable(operand)
        begin = self._at
        left: QueryExpression = operand()
        while self._here.kind == "sign" and self._here.text in signs:
            sign = self._next().text
            right: QueryExpression = operand()
            left = Computed(self._source(begin), OPERATIONS[sign], (left, right))
        return left

    def _power(self) -> QueryExpression:
        begin = self._at
        base = self._unary()
        if self._takes("^"):
            self._deeper()
            exponent = self._power()
            self._depth -= 1
            return Computed(self._source(begin), OPERATIONS["^"], (base, exponent))
        return base

    def _unary(self) -> QueryExpression:
        begin = self._at
        count = 0
        while self._takes("-"):
            count += 1
        inner = self._primary()
        zero = LiteralValue("0", 0)
        return Computed(self._source(begin), OPERATIONS["-"], (zero, inner)) if count % 2 else inner

    def _primary(self) -> QueryExpression:
        begin, token = self._at, self._next()
        if token.kind == "number":
            value = float(token.text) if any(mark in token.text for mark in ".eE") else int(token.text[:18])
            return LiteralValue(token.text, value)
        if token.kind in ("text", "period"):
            return LiteralValue(token.text, _unquoted(token) if token.kind == "text" else token.text)
        if token.kind == "quoted":
            return FieldOf(token.text.strip("`"), token.text.strip("`"))
        if token.kind == "name" and self._here.text == "(":
            return self._call(token, begin)
        if token.kind == "name" and token.word not in ("and", "or", "by", "as", "like", "in"):
            return (
                LiteralValue(token.text, int(token.word == "true"))
                if token.word in ("true", "false")
                else _field(token)
            )
        if token.text == "(":
            inner = self._expression()
            self._want(")")
            return inner
        self._at = begin
        raise self._unexpected("a field, a value or a function")

    def _call(self, name: Token, begin: int) -> QueryExpression:
        self._want("(")
        word = name.word
        if word in AGGREGATES:
            return self._aggregate(word, begin)
        arguments: list[QueryExpression] = []
        while not self._takes(")"):
            if arguments:
                self._want(",")
            arguments.append(self._expression())
        if word == "bin":
            period = arguments[0].source if len(arguments) == 1 else ""
            return Bin(self._source(begin), self._checked_period(period, name))
        if word not in FUNCTIONS:
            raise MalformedQuery(f"invalid function name {name.text}", name.begin, name.end)
        fewest, most, function = FUNCTIONS[word]
        if not fewest <= len(arguments) <= most:
            message = f"{name.text} takes {fewest} to {most} arguments, not {len(arguments)}"
            raise MalformedQuery(message, name.begin, name.end)
        if word in ("datefloor", "dateceil"):
            self._checked_period(arguments[1].source, name)
        return Computed(self._source(begin), function, tuple(arguments))

    def _aggregate(self, word: str, begin: int) -> QueryExpression:
        argument: QueryExpression | None = None
        parameter = 0.0
        token = self._here
        if self._takes(")"):
            pass
        elif self._takes("*"):
            self._want(")")
        else:
            argument = self._expression()
            if word in WITH_PARAMETER:
                self._want(",")
                number = self._next()
                if number.kind != "number" or not 0 <= float(number.text) <= 100:
                    raise MalformedQuery("a percentile is a number from 0 to 100", number.begin, number.end)
                parameter = float(number.text)
            self._want(")")
        if argument is None and word != "count":
            raise MalformedQuery(f"{word} takes a field", token.begin, token.end)
        return AggregateOf(self._source(begin), word, argument, parameter)

    def _checked_period(self, period: str, name: Token) -> str:
        try:
            floor_of(0, period)
        except ValueError:
            message = f"{name.text} takes a period, as 30s, 5m, 1h or 1d"
            raise MalformedQuery(message, name.begin, name.end) from None
        return period

    def _pattern(self, text: str, token: Token) -> Pattern:
        try:
            return Pattern(text)
        except ValueError as error:
            raise MalformedQuery(f"invalid regular expression: {error}", token.begin, token.end) from error

    def _source(self, begin: int) -> str:
        return self._query[self._tokens[begin].begin : self._tokens[self._at - 1].end]

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise MalformedQuery("the query is nested too deeply", self._here.begin, self._here.begin + 1)


def _field(token: Token) -> FieldOf:
    """`items[0].id` is `items.0.id`."""
    return FieldOf(token.text, token.text.replace("[", ".").replace("]", ""))


def _unquoted(token: Token) -> str:
    inner, result, at = token.text[1:-1], [], 0
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    while at < len(inner):
        if inner[at] == "\\" and at + 1 < len(inner):
            at += 1
            result.append(escapes.get(inner[at], inner[at]))
        else:
            result.append(inner[at])
        at += 1
    return "".join(result)
