"""SNS, EventBridge and S3: where a function is to be invoked, LocalStack gets the function's inbox.

On the way in the function's ARN becomes the queue's, on the way out the queue's becomes the function's: Terraform and
the user see what they wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.hop_by_hop import end_to_end
from staticfire.edge.http1.messages import Response

from .inbox import Inboxes

SNS = "http://sns.amazonaws.com/doc/2010-03-31/"
S3 = "http://s3.amazonaws.com/doc/2006-03-01/"


def _is_function(arn: object) -> bool:
    return isinstance(arn, str) and arn.split(":")[2:3] == ["lambda"]


class _Subscriptions:
    def __init__(self, emulator: Emulator, inboxes: Inboxes) -> None:
        self._emulator = emulator
        self._inboxes = inboxes

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept of what passes."""

    async def _send(self, call: Call, body: bytes, without: Iterable[str] = ()) -> tuple[Response, bytes]:
        """The call with another body; the answer, and its body."""
        request = call.request
        headers = [header for header in end_to_end(request.headers) if not header[0].startswith(tuple(without))]
        answer = await self._emulator.raw(
            call.scope, call.service, request.method, request.target, headers, body, as_is=True
        )
        data = await self._emulator.whole(answer)
        return Response(answer.status, end_to_end(answer.headers), data), data


class Topics(_Subscriptions):
    """SNS: `Subscribe` with the protocol lambda."""

    async def answer(self, call: Call) -> Response | None:
        if call.operation == "Subscribe":
            form = dict(parse_qsl((await call.body()).decode(), keep_blank_values=True))
            if form.get("Protocol") != "lambda":
                return None
            form["Protocol"] = "sqs"
            form["Endpoint"] = await self._inboxes.of(call.scope, "sns", form.get("Endpoint", ""))
            response, _ = await self._send(call, urlencode(form).encode())
            return response
        if call.operation in ("ListSubscriptions", "ListSubscriptionsByTopic", "GetSubscriptionAttributes"):
            response, data = await self._send(call, await call.body())
            if response.status < 300:
                response.body = self._put_back(data)
            return response
        return None

    def _put_back(self, data: bytes) -> bytes:
        document = ElementTree.fromstring(data)
        for member in document.iter(f"{{{SNS}}}member"):
            self._restore(member.find(f"{{{SNS}}}Protocol"), member.find(f"{{{SNS}}}Endpoint"))
        entries = {
            entry.findtext(f"{{{SNS}}}key"): entry.find(f"{{{SNS}}}value") for entry in document.iter(f"{{{SNS}}}entry")
        }
        self._restore(entries.get("Protocol"), entries.get("Endpoint"))
        return ElementTree.tostring(document, default_namespace=SNS)

    def _restore(self, protocol: ElementTree.Element | None, endpoint: ElementTree.Element | None) -> None:
        if protocol is not None and endpoint is not None:
            function = self._inboxes.function(endpoint.text or "")
            if function is not None:
                protocol.text, endpoint.text = "lambda", function


class Rules(_Subscriptions):
    """EventBridge: targets of rules."""

    async def answer(self, call: Call) -> Response | None:
        if call.operation not in ("PutTargets", "ListTargetsByRule", "ListRuleNamesByTarget"):
            return None
        request = json.loads(await call.body())
        for target in request.get("Targets", ()):
            if _is_function(target.get("Arn")):
                target["Arn"] = await self._inboxes.of(call.scope, "events", target["Arn"])
        function = request.get("TargetArn")
        if _is_function(function):
            request["TargetArn"] = self._inboxes.existing(call.scope, "events", function) or function
        response, data = await self._send(call, json.dumps(request).encode())
        if call.operation == "ListTargetsByRule" and response.status < 300:
            listed = json.loads(data)
            for target in listed.get("Targets", ()):
                target["Arn"] = self._inboxes.function(target["Arn"]) or target["Arn"]
            response.body = json.dumps(listed).encode()
        return response


class Notifications(_Subscriptions):
    """S3: a bucket's notification configuration."""

    # They are of the body that the caller sent.
    CHECKSUMS = ("content-md5", "x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-content-sha256")

    async def answer(self, call: Call) -> Response | None:
        request = call.request
        if "notification" not in request.query or request.query.split("&")[0].split("=")[0] != "notification":
            return None
        if request.method == "PUT":
            body = await call.body()
            if b"CloudFunction" not in body:
                return None
            response, _ = await self._send(call, await self._replaced(call, body), self.CHECKSUMS)
            return response
        if request.method == "GET":
            response, data = await self._send(call, b"")
            if response.status < 300:
                response.body = self._put_back(data)
            return response
        return None

    async def _replaced(self, call: Call, body: bytes) -> bytes:
        document = ElementTree.fromstring(body)
        for element in document.iter():
            name = element.tag.rpartition("}")[2]
            if name == "CloudFunctionConfiguration":
                element.tag = element.tag.replace(name, "QueueConfiguration")
            elif name == "CloudFunction":
                element.tag = element.tag.replace(name, "Queue")
                try:
                    element.text = await self._inboxes.of(call.scope, "s3", (element.text or "").strip())
                except AwsError as error:
                    if error.status != 404:
                        raise
                    message = "Unable to validate the following destination configurations"
                    raise AwsError(400, "InvalidArgument", message) from error
        return ElementTree.tostring(document)

    def _put_back(self, data: bytes) -> bytes:
        document = ElementTree.fromstring(data)
        for element in document.iter(f"{{{S3}}}QueueConfiguration"):
            queue = element.find(f"{{{S3}}}Queue")
            function = self._inboxes.function(queue.text or "") if queue is not None else None
            if queue is not None and function is not None:
                element.tag, queue.tag, queue.text = (
                    f"{{{S3}}}CloudFunctionConfiguration",
                    f"{{{S3}}}CloudFunction",
                    function,
                )
        return ElementTree.tostring(document, default_namespace=S3)
