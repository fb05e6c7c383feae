"""The local mailbox: what SNS and SES would have sent by e-mail.

MiniStack hands each mail over when it is sent. The newest ones are kept in a file of one line a mail, so that they
outlive the edge; a line that a kill cut short is left out. Nobody clicks on a link here: SNS subscriptions by e-mail
are confirmed from the start, and bodies come without AWS's footer, so that a text that is JSON stays JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from email import message_from_string, policy
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from staticfire.host.clock import rfc3339

log = logging.getLogger(__name__)

KEPT = 1000
SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
# What SNS writes above a notification that came without one.
SUBJECT = "AWS Notification Message"


@dataclass(frozen=True, slots=True)
class Mail:
    id: str
    received_at: str
    account: str
    region: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    topic: str = ""

    def is_for(self, to: str, account: str) -> bool:
        """Whether it is one of those asked for. A mail whose account nobody knows is everybody's."""
        return (not to or to in self.to) and (not account or self.account in ("", account))

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Mail:
        return cls(**{**document, "to": tuple(document["to"])})


class Mails(Protocol):
    """Where mail is read: the mailbox, or the mailbox and LocalStack's."""

    async def find(self, to: str = "", account: str = "") -> list[Mail]:
        """Newest first."""

    async def remove(self, to: str = "", account: str = "") -> int:
        """How many there were."""


class Mailbox:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._mails = list(_read(path))[-KEPT:]
        self._lines = 0
        if path.exists():
            self._rewrite()  # without the line that a kill cut short: the next one would continue it

    async def find(self, to: str = "", account: str = "") -> list[Mail]:
        return [mail for mail in reversed(self._mails) if mail.is_for(to, account)]

    async def remove(self, to: str = "", account: str = "") -> int:
        left = [mail for mail in self._mails if not mail.is_for(to, account)]
        removed = len(self._mails) - len(left)
        if removed:
            self._mails = left
            self._rewrite()
        return removed

    async def notification(self, report: Mapping[str, Any]) -> None:
        """What an SNS topic sends to a subscriber, as ministack_main.py reports it."""
        self._keep(
            Mail(
                id=report["id"],
                received_at=rfc3339(),
                account=report["account"],
                region=report["region"],
                sender=SENDER,
                to=(report["to"],),
                subject=report["subject"] or SUBJECT,
                text=report["text"],
                topic=report["topic"],
            )
        )

    async def sent(self, report: Mapping[str, Any]) -> None:
        """What SES sends, as ministack_main.py reports it."""
        self._keep(parsed(report["message"], report["source"], report["to"], report["account"], report["region"]))

    def _keep(self, mail: Mail) -> None:
        self._mails.append(mail)
        del self._mails[:-KEPT]
        if self._lines >= 2 * KEPT:
            self._rewrite()
            return
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(mail.document()) + "\n")
        self._lines += 1

    def _rewrite(self) -> None:
        written = self._path.with_suffix(".new")
        written.write_text("".join(json.dumps(mail.document()) + "\n" for mail in self._mails), encoding="utf-8")
        written.replace(self._path)
        self._lines = len(self._mails)


def parsed(message: str, sender: str, to: Iterable[str], account: str, region: str) -> Mail:
    """A mail from its text with headers (RFC 5322); one that cannot be taken apart is kept with that as its text."""
    try:
        identity, subject, text, html = _parts(message)
    except (LookupError, ValueError, AttributeError) as error:  # unknown charsets, broken headers
        log.warning("a mail from %s cannot be taken apart and is kept as it came: %s", sender, error)
        identity, subject, text, html = "", "", message, ""
    return Mail(
        id=identity or str(uuid4()),
        received_at=rfc3339(),
        account=account,
        region=region,
        sender=sender,
        to=tuple(to),
        subject=subject,
        text=text,
        html=html,
    )


def _parts(message: str) -> tuple[str, str, str, str]:
    """Its id, subject, text and HTML."""
    whole = message_from_string(message, policy=policy.default)
    text, html = (whole.get_body((kind,)) for kind in ("plain", "html"))
    return (
        (whole.get("Message-ID") or "").strip("<> "),
        str(whole.get("Subject") or ""),
        text.get_content() if text is not None else "",
        html.get_content() if html is not None else "",
    )


def _read(path: Path) -> Iterable[Mail]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            yield Mail.of(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            log.warning("%s: line %d holds no mail and is left out: %s", path, number, error)
