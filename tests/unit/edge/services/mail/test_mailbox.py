"""The local mailbox: what it keeps, for whom, and for how long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from staticfire.edge.services.mail import mailbox as module
from staticfire.edge.services.mail.mailbox import Mailbox

SENT = """\
Message-ID: <m-1@email.amazonses.com>
Subject: =?utf-8?q?H=C3=A9?=
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

plain text
--b
Content-Type: text/html; charset=utf-8

<b>rich</b>
--b--
"""


def notification(number: int = 1, to: str = "ops@example.com", account: str = "100000000001") -> dict[str, str]:
    topic = f"arn:aws:sns:eu-west-1:{account}:alerts"
    notification = {"account": account, "region": "eu-west-1", "topic": topic, "id": f"n-{number}", "to": to}
    return notification | {"subject": "", "text": f"number {number}"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mail.jsonl"


async def test_mails_are_told_newest_first_to_whom_they_were_sent(path: Path) -> None:
    mailbox = Mailbox(path)
    for number, to in enumerate(("a@example.com", "b@example.com", "a@example.com")):
        await mailbox.notification(notification(number, to))
    assert [mail.id for mail in await mailbox.find()] == ["n-2", "n-1", "n-0"]
    assert [mail.id for mail in await mailbox.find(to="a@example.com")] == ["n-2", "n-0"]
    assert await mailbox.find(account="100000000002") == []


async def test_a_notification_without_a_subject_gets_that_of_sns(path: Path) -> None:
    mailbox = Mailbox(path)
    await mailbox.notification(notification())
    [mail] = await mailbox.find()
    assert (mail.subject, mail.sender) == (
        "AWS Notification Message",
        "AWS Notifications <no-reply@sns.amazonaws.com>",
    )


async def test_what_ses_sends_is_read_with_its_parts(path: Path) -> None:
    mailbox = Mailbox(path)
    envelope = {"account": "100000000001", "region": "eu-west-1", "source": "me@example.com"}
    await mailbox.sent({**envelope, "to": ["you@example.com", "they@example.com"], "message": SENT})
    [mail] = await mailbox.find(to="they@example.com")
    assert (mail.id, mail.sender, mail.subject) == ("m-1@email.amazonses.com", "me@example.com", "Hé")
    assert (mail.text.strip(), mail.html.strip()) == ("plain text", "<b>rich</b>")


async def test_mails_outlive_the_edge_and_removed_ones_do_not(path: Path) -> None:
    mailbox = Mailbox(path)
    await mailbox.notification(notification(1, "a@example.com"))
    await mailbox.notification(notification(2, "b@example.com"))
    assert await mailbox.remove(to="a@example.com") == 1
    assert [mail.id for mail in await Mailbox(path).find()] == ["n-2"]


async def test_a_line_cut_short_by_a_kill_costs_that_mail_alone(path: Path) -> None:
    mailbox = Mailbox(path)
    for number in (1, 2):
        await mailbox.notification(notification(number))
    os.truncate(path, os.stat(path).st_size - 20)
    after = Mailbox(path)
    assert [mail.id for mail in await after.find()] == ["n-1"]
    await after.notification(notification(3))
    assert [mail.id for mail in await Mailbox(path).find()] == ["n-3", "n-1"]


async def test_only_the_newest_mails_are_kept_here_and_in_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    mailbox = Mailbox(path)
    sizes = set()
    for number in range(20):
        await mailbox.notification(notification(number))
        sizes.add(os.stat(path).st_size)
    assert [mail.id for mail in await mailbox.find()] == ["n-19", "n-18", "n-17"]
    assert [mail.id for mail in await Mailbox(path).find()] == ["n-19", "n-18", "n-17"]
    assert max(sizes) < 8 * os.stat(path).st_size / 3


@pytest.mark.parametrize(
    "header", ["Content-Type: text/plain; charset=none-such", "Content-Type: text/plain; charset=hex", "Message-ID: <>"]
)
async def test_a_mail_that_cannot_be_taken_apart_is_kept_as_it_came(path: Path, header: str) -> None:
    message = f"{header}\n\nread me"
    mailbox = Mailbox(path)
    await mailbox.sent(
        {"message": message, "source": "a@example.com", "to": ["b@example.com"], "account": "1", "region": "r"}
    )
    [mail] = await mailbox.find(to="b@example.com")
    assert mail.text == message
    assert mail.id
