"""Which route takes a request, and what of its path the upstream gets.

Routes are keyed as those of an HTTP API, "METHOD /path", and chosen as there: a full match before a greedy `{name+}`, a
literal segment before a variable from the left on, the longer prefix before the shorter, the method before ANY.

HTTP APIs hand the path over decoded (apart from `%25`), so an encoded slash is a slash here. Upstreams get it encoded
anew. What a server, or one that decodes once too often, could take for another path is refused: dot segments (with
parameters, as `..;a`, too), backslashes and control characters, however many times they are encoded."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from servicekit.errors import Refused

KEY = re.compile(
    r"(ANY|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/|(?:/(?:[\w.~-]+|\{\w+\}))*(?:/\{\w+\+\})?)", re.ASCII
)
VARIABLE = re.compile(r"\{(\w+)(\+?)\}")
SAFE_IN_SEGMENT = "!$&'()*+,;=:@~"
SAFE_IN_QUERY = SAFE_IN_SEGMENT + "/?%[]|"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MOST_DECODINGS = 10


@dataclass(frozen=True, slots=True)
class Match:
    key: str
    parameters: Mapping[str, str]


class Router:
    """`keys` must each match KEY, with no variable twice."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._routes = [(key, key.partition(" ")[0], _pattern(key)) for key in sorted(keys, key=_order)]

    def match(self, method: str, path: str) -> Match:
        """The route of a decoded path; Refused with 404, or 405 where only other methods have one."""
        allowed = set()
        for key, its_method, pattern in self._routes:
            matched = pattern.fullmatch(path)
            if matched and its_method in (method, "ANY"):
                return Match(key, matched.groupdict())
            if matched:
                allowed.add(its_method)
        if allowed:
            raise Refused(405, "Method Not Allowed", headers={"allow": ", ".join(sorted(allowed))})
        raise Refused(404, "Not Found")


def path_of(raw: str, stage: str) -> str:
    """The path below the stage, decoded; Refused when it could be taken for another one."""
    path = raw if stage == "$default" else raw.removeprefix(f"/{stage}") or "/"
    path = path.replace("%25", "%")
    plain = path
    for _ in range(MOST_DECODINGS):
        if _is_ambiguous(plain):
            break
        if (further := unquote(plain)) == plain:
            return path
        plain = further
    raise Refused(400, "The path is not valid.", [{"field": "path", "problem": "could be taken for another path"}])


def encoded(path: str) -> str:
    return quote(path, safe="/" + SAFE_IN_SEGMENT)


def encoded_query(raw: str) -> str:
    """The query as it came; what no query may hold is encoded."""
    return quote(raw, safe=SAFE_IN_QUERY)


def _is_ambiguous(path: str) -> bool:
    names = {segment.partition(";")[0] for segment in path.split("/")}
    return (
        bool(names & {".", ".."})
        or "\\" in path
        or any(ord(character) < 0x20 or character == "\x7f" for character in path)
    )


def _pattern(key: str) -> re.Pattern[str]:
    pieces = VARIABLE.split(key.partition(" ")[2])  # literal, name, plus, literal, name, plus, ..., literal
    pattern = re.escape(pieces[0])
    for name, greedy, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if greedy else '[^/]+'}){re.escape(literal)}"
    return re.compile(pattern, re.DOTALL)


def _order(key: str) -> tuple[bool, int, tuple[bool, ...], bool]:
    """The more specific first."""
    method, _, path = key.partition(" ")
    segments = path.split("/")
    return "+}" in path, -len(segments), tuple("{" in segment for segment in segments), method == "ANY"
