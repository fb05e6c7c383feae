"""`staticfire mail`: what SNS and SES sent by e-mail; nothing leaves this machine."""

from __future__ import annotations

import argparse
import json
import sys

from staticfire.console import objects
from staticfire.settings import Settings
from staticfire.targets.base import require_running

from .terminal import shown


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_mail)
    parser.add_argument("--to", default="", metavar="ADDRESS", help="print mails to this address only")
    parser.add_argument("--json", action="store_true", help="print one object instead of text")


def _mail(settings: Settings, arguments: argparse.Namespace) -> int:
    answer = objects.mail(require_running(settings).edge(), arguments.to)
    mails = answer["mails"]
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    for mail in mails:
        text = (mail["text"] or mail["html"]).replace("\r\n", "\n").rstrip()
        print(shown(f"Date: {mail['received_at']}\nFrom: {mail['sender']}\nTo: {', '.join(mail['to'])}"))
        print(shown(f"Subject: {mail['subject']}\n\n{text}\n"))
    if not mails:
        print("No mail.", file=sys.stderr)
    return 0
