"""Mail on LocalStack: its SES keeps what was sent, for its SNS too.

Its SNS drops a notification's subject and sends an alarm's document as it is: both are put back as AWS words them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.alarms import wording
from staticfire.edge.services.mail.mailbox import SENDER, SUBJECT, Mail, Mailbox, parsed

PATH = "/_aws/ses"
SNS_SENDER = "admin@localstack.com"


class LocalStackMail:
    """The mails of LocalStack, and those that MiniStack handed over."""

    def __init__(self, emulator: Emulator, mailbox: Mailbox) -> None:
        self._emulator = emulator
        self._mailbox = mailbox

    async def find(self, to: str = "", account: str = "") -> list[Mail]:
        mails = [*await self._kept(), *await self._mailbox.find(to, account)]
        mine = [mail for mail in mails if mail.is_for(to, account)]
        return sorted(mine, key=lambda mail: mail.received_at, reverse=True)

    async def remove(self, to: str = "", account: str = "") -> int:
        mine = [mail for mail in await self._kept() if mail.is_for(to, account)]
        for mail in mine:
            await self._ask("DELETE", f"{PATH}?id={mail.id}")
        return len(mine) + await self._mailbox.remove(to, account)

    async def _kept(self) -> list[Mail]:
        """Newest first; LocalStack keeps the newest last."""
        try:
            answer = await self._ask("GET", PATH)
        except AwsError:
            # The mails have an address only once something was asked of SES.
            await self._emulator.query(Scope(), "ses", "ListIdentities", {})
            answer = await self._ask("GET", PATH)
        return [_mail(message) for message in reversed(json.loads(answer)["messages"])]

    async def _ask(self, method: str, target: str) -> bytes:
        answer = await self._emulator.raw(Scope(), "ses", method, target)
        data = await self._emulator.whole(answer)
        if answer.status >= 300:
            raise AwsError(502, "ServiceUnavailable", f"LocalStack answered {answer.status} to {method} {target}.")
        return data


def _mail(message: Mapping[str, Any]) -> Mail:
    destination = message.get("Destination") or {}
    kinds = ("ToAddresses", "CcAddresses", "BccAddresses")
    to = [address for kind in kinds for address in destination.get(kind) or ()]
    region, sender = message.get("Region") or "", message.get("Source") or ""
    if raw := message.get("RawData"):
        mail = parsed(raw, sender, to, "", region)
        return _changed(mail, id=message["Id"], received_at=_received(message))
    body = message.get("Body") or {}
    mail = Mail(
        id=message["Id"],
        received_at=_received(message),
        account="",
        region=region,
        sender=sender,
        to=tuple(to),
        subject=message.get("Subject") or "",
        text=body.get("text_part") or message.get("TemplateData") or "",
        html=body.get("html_part") or "",
    )
    return _notification(mail) if sender == SNS_SENDER else mail


def _notification(mail: Mail) -> Mail:
    """A mail of SNS' as AWS would have worded it."""
    mail = _changed(mail, sender=SENDER, subject=SUBJECT)
    try:
        document = json.loads(mail.text)
    except ValueError:
        return mail
    if not isinstance(document, dict):
        return mail
    if document.get("Type") == "Notification":  # email-json: an envelope, which has the subject
        topic = str(document.get("TopicArn") or "")
        return _changed(mail, subject=document.get("Subject") or SUBJECT, topic=topic, account=_account(topic))
    if not {"AlarmName", "NewStateValue", "NewStateReason", "AlarmArn"} <= document.keys():
        return mail
    region = document["AlarmArn"].split(":")[3]
    document |= {"Region": wording.region_name(region)}
    return _changed(
        mail,
        subject=wording.subject(document),
        text=wording.text(document),
        account=document["AWSAccountId"],
    )


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


def _received(message: Mapping[str, Any]) -> str:
    """As the mailbox writes it; LocalStack's is in UTC, to the second."""
    return f"{message.get('Timestamp') or ''}.000Z"


def _changed(mail: Mail, **fields: Any) -> Mail:
    return Mail.of(mail.document() | fields)
