"""SQS and SNS answer their query protocol in JSON where a caller accepts JSON, as API Gateway's calls do; emulators
answer in XML.

    <PublishResponse><PublishResult><MessageId>1</...  ->  {"PublishResponse": {"PublishResult": {"MessageId": "1", ...

What is not in an answer is null there. It stands in no model of AWS's: this is the form that READMEs of public stacks
in front of queues and topics show. Of results that hold more than texts, those of ReceiveMessage are known; others stay
as they came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from staticfire.edge.aws.models import single_model

SERVICES = ("sqs", "sns")
RECEIVE = "ReceiveMessage"
HOLDING = ("structure", "list", "map")
_MESSAGE = ("Attributes", "Body", "MD5OfBody", "MD5OfMessageAttributes", "MessageAttributes", "MessageId")


def in_json(service: str, body: bytes) -> bytes | None:
    """The same in JSON; None where it is no XML of these services, or no form is known for it."""
    if service not in SERVICES or not body.lstrip().startswith(b"<"):
        return None
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None
    name = _name(root)
    if name == "ErrorResponse":
        document: Mapping[str, Any] | None = _error(root)
    else:
        document = _answer(service, name.removesuffix("Response"), root)
    return None if document is None else json.dumps(document, separators=(",", ":")).encode()


def _answer(service: str, operation: str, root: ElementTree.Element) -> Mapping[str, Any] | None:
    members = _texts_of(service, operation)
    result = _child(root, f"{operation}Result")
    said: dict[str, Any] = {}
    if operation == RECEIVE:
        said["messages"] = [_message(one) for one in result if _name(one) == "Message"] or None
    elif members is None:
        return None
    else:
        said = {name: _text(result, name) for name in members}
    request_id = _text(_child(root, "ResponseMetadata"), "RequestId")
    answer: dict[str, Any] = {f"{operation}Result": said} if members or operation == RECEIVE else {}
    return {f"{operation}Response": {**answer, "ResponseMetadata": {"RequestId": request_id}}}


def _message(element: ElementTree.Element) -> dict[str, Any]:
    message: dict[str, Any] = {name: _text(element, name) for name in (*_MESSAGE, "ReceiptHandle")}
    attributes = {_text(one, "Name"): _text(one, "Value") for one in element if _name(one) == "Attribute"}
    message["Attributes"] = attributes or None
    own = {
        _text(one, "Name"): {_name(part): part.text or "" for part in _child(one, "Value")}
        for one in element
        if _name(one) == "MessageAttribute"
    }
    message["MessageAttributes"] = own or None
    return message


def _error(root: ElementTree.Element) -> Mapping[str, Any]:
    error = _child(root, "Error")
    said = {name: _text(error, name) for name in ("Code", "Message", "Type")}
    return {"Error": said, "RequestId": _text(root, "RequestId")}


def _texts_of(service: str, operation: str) -> tuple[str, ...] | None:
    """The members of an operation's result; None where there is no such operation, or not all are texts."""
    described = single_model(service).named(operation)
    if described is None:
        return None
    members = described.output.get("members", {})
    held = (described.shapes[member["shape"]]["type"] for member in members.values())
    return None if any(kind in HOLDING for kind in held) else tuple(sorted(members))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element:
    return next((one for one in element if _name(one) == name), ElementTree.Element(name))


def _text(element: ElementTree.Element, name: str) -> str | None:
    child = next((one for one in element if _name(one) == name), None)
    return None if child is None else child.text or ""
