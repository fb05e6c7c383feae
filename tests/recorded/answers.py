"""Compares answers with those that AWS recorded: named placeholders stand for what differs from run to run.

`localstack-snapshot` (PyPI) records answers and rewrites them by patterns, in the order in which the patterns are
given; a case that states AWS's answer itself only needs the comparing.

    <region>, <account>, <function>     what the case knows, or what the first answer says: the same from then on
    <uuid:1>, <sha256:1>                of that form; the same label is the same value, another label another one
    <date>, <size>, <url>, <hash>       of that form, each time another value
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

_PLACEHOLDER = re.compile(r"<([a-z0-9-]+)(?::([\w-]+))?>")

_FORMS = {
    "date": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:?00)",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "sha256": r"[A-Za-z0-9+/]{43}=",
    "size": r"[1-9]\d*",
    "url": r"https?://\S+",
    "hash": r"[0-9a-f]{64}",
}
_ANEW_EACH_TIME = frozenset(("date", "size", "url", "hash"))


class Answers:
    """What a conversation has said so far, and its differences from AWS's."""

    def __init__(self, **known: str) -> None:
        self._known: dict[str, str] = dict(known)

    def match(self, answer: Mapping[str, Any], expected: Mapping[str, Any], status: int = 200) -> None:
        """The answer has this status and these fields, no fewer and no more."""
        fields = dict(answer)
        metadata = fields.pop("ResponseMetadata")
        differences = [] if metadata["HTTPStatusCode"] == status else [f"status {metadata['HTTPStatusCode']}: {status}"]
        differences += self._differences("", _plain(fields), expected)
        assert not differences, "here, and what AWS recorded:\n" + "\n".join(differences)

    def refused(self, call: Callable[[], Any], code: str, text: str, status: int, **fields: Any) -> None:
        """The call fails with this error. Lambda's own errors tell a type, and the message once more."""
        try:
            answer = call()
        except ClientError as error:
            self.match(error.response, {"Error": {"Code": code, "Message": text}, **fields}, status)
        else:
            raise AssertionError(f"AWS answers {code} ({text}); here: {_plain(answer)}")

    def _differences(self, path: str, here: Any, aws: Any) -> list[str]:
        if isinstance(aws, Mapping) and isinstance(here, Mapping):
            names = sorted(aws.keys() | here.keys(), key=str)
            return [
                line
                for name in names
                for line in self._differences(f"{path}.{name}", here.get(name, _NOTHING), aws.get(name, _NOTHING))
            ]
        if isinstance(aws, list) and isinstance(here, list) and len(aws) == len(here):
            pairs = enumerate(zip(here, aws, strict=True))
            return [line for index, (mine, its) in pairs for line in self._differences(f"{path}[{index}]", mine, its)]
        if isinstance(aws, str) and here is not _NOTHING and _PLACEHOLDER.search(aws):
            same = self._fits(str(here), aws)
        else:
            same = type(here) is type(aws) and here == aws
        return [] if same else [f"  {path}: {here!r}\n{' ' * len(path)}    {aws!r}"]

    def _fits(self, here: str, aws: str) -> bool:
        pattern, names, end = "", [], 0
        for placeholder in _PLACEHOLDER.finditer(aws):
            kind, label = placeholder.groups()
            name = placeholder[0]
            pattern += re.escape(aws[end : placeholder.start()])
            if name in self._known:
                pattern += re.escape(self._known[name])
            elif kind in self._known and label is None:
                pattern += re.escape(self._known[kind])
            else:
                names.append("" if kind in _ANEW_EACH_TIME else name)
                pattern += f"({_FORMS.get(kind, r'[^:/]+')})"
            end = placeholder.end()
        match = re.fullmatch(pattern + re.escape(aws[end:]), here)
        if match is None:
            return False
        learned = {name: value for name, value in zip(names, match.groups(), strict=True) if name}
        if any(value in self._known.values() for name, value in learned.items() if ":" in name):
            return False
        self._known |= learned
        return True


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


def _plain(value: Any) -> Any:
    """As JSON would say it: dates in words, streams read, policies (JSON in a string) taken apart."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return _plain(json.loads(value))
        except ValueError:
            return value
    return value
