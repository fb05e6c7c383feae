"""MiniStack's main program behind an edge. MiniStack's own Python runs this file, which imports nothing of staticfire.

It serves the connections that the edge hands it, ends when the edge does, and executes no Lambda function itself:
whatever would make it invoke one (a rule, a schedule, a subscription, an event source mapping, a state machine) is
handed to the edge, which runs it as any other invocation and logs and counts it. The edge also evaluates the alarms and
keeps the mail: every alarm that is put, every change of an alarm's state and every mail is reported to it.

    standard input            a Unix socket; each byte brings a connection, and its end is the edge's end
    STATICFIRE_KEPT           where the state is kept; empty when it is not
    STATICFIRE_EDGE_URL       the edge's own endpoints
    STATICFIRE_TOKEN          lets us report to it
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import itertools
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

# More than the longest function may run: the edge enforces the function's own limit.
LONGEST_SECONDS = 960
PACKAGE = "in_ministack"
# Of each log group, at least the newest so many lines are kept, and at most half as many again.
LINES_KEPT = 100_000
# When the edge has ended, however it did, what changed since the last save is saved within this.
LAST_SAVE_SECONDS = 60


class Edge:
    """Invocations handed over. The results have the shape that MiniStack's own executor returns."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._reporting = ThreadPoolExecutor(1, "reporting")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def invoke(self, function_arn: str, event: Any) -> dict[str, Any]:
        status, answer = self._post(function_arn, event, "RequestResponse")
        if status == 429:
            return {"throttle": True, "error": True, "log": "", "body": answer}
        if status != 200:
            return _failed(answer.get("__type", "ServiceException"), answer.get("message", ""))
        result = {"body": json.loads(answer["payload"] or "null"), "log": answer["log"]}
        if answer["error"]:
            result |= {"error": True, "function_error": answer["error"]}
        return result

    def enqueue(self, function_arn: str, event: Any, cause: Mapping[str, str] | None = None) -> None:
        """An Event invocation: the edge retries it and sends what fails to its destination. `cause`: the rule or the
        schedule that it is of, which its event need not say."""
        status, answer = self._post(function_arn, event, "Event", cause=cause)
        if status != 202:
            print(f"the event for {function_arn} was not taken: {status} {answer}", file=sys.stderr)

    def lambda_api(self, account: str, region: str, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """A call of the Lambda API, which the edge answers."""
        return self._api("lambda", account, region, method, path, body)

    def api_gateway(self, account: str, region: str, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """A call of API Gateway, which the edge answers."""
        return self._api("apigateway", account, region, method, path, body)

    def _api(
        self, service: str, account: str, region: str, method: str, path: str, body: Any
    ) -> tuple[int, dict[str, Any]]:
        scope = f"{account}/20250101/{region}/{service}/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
            "content-type": "application/json",
            "x-staticfire-token": self._token,
        }
        data = None if body is None else json.dumps(body).encode()
        return self._open(urllib.request.Request(f"{self._url}{service}{path}", data, headers, method=method))

    def report(self, what: str, **news: Any) -> None:
        """Of the account and region of the call under way; one after the other, while that call goes on."""
        from ministack.core.responses import get_account_id, get_region

        report = json.dumps({"account": get_account_id(), "region": get_region(), **news}, default=str)
        self._reporting.submit(self._report, what, report.encode())

    def _report(self, what: str, report: bytes) -> None:
        status, answer = self._send(f"emulator/{what}", report)
        if status != 200:
            print(f"the edge did not take the report of {what}: {status} {answer}", file=sys.stderr)

    def _post(self, function_arn: str, event: Any, kind: str, **more: Any) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"function": function_arn, "type": kind, "payload": json.dumps(event), **more}).encode()
        return self._send("functions/invoke", body)

    def _send(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"content-type": "application/json", "x-staticfire-token": self._token}
        return self._open(urllib.request.Request(self._url + path, body, headers))

    def _open(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        try:
            with self._opener.open(request, timeout=LONGEST_SECONDS) as response:
                return response.status, json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError as error:
            return 503, {"__type": "ServiceException", "message": f"the edge does not answer: {error}"}


def _for_lambda(notification: dict[str, Any]) -> dict[str, Any]:
    """What a topic tells a function: two URLs are spelled otherwise than for a queue, and nothing is left out."""
    spelled = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    return {
        "Subject": None,
        "MessageAttributes": {},
        **{spelled.get(name, name): value for name, value in notification.items()},
    }


def _failed(kind: str, message: str) -> dict[str, Any]:
    return {"error": True, "log": "", "body": {"errorType": kind, "errorMessage": message}}


def hand_over(edge: Edge) -> None:
    """Put the edge in the place of MiniStack's executors."""
    from ministack.services import eventbridge, lambda_svc, sns

    local = threading.local()

    def execute(function: dict[str, Any], event: Any) -> dict[str, Any]:
        arn = _arn(function)
        if getattr(local, "asynchronous", False):
            edge.enqueue(arn, event)
            return {"body": None, "log": ""}
        return edge.invoke(arn, event)

    def execute_later(function: dict[str, Any], event: Any, cause: Mapping[str, str] | None = None) -> None:
        threading.Thread(target=edge.enqueue, args=(_arn(function), event, cause), daemon=True).start()

    def rule_target(arn: str, payload: str, cause: Mapping[str, str] | None = None) -> str:
        """Why it cannot be invoked, as EventBridge names it: in_ministack/undelivered.py has the rest."""
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if not (function and config):
            return "NO_RESOURCE"
        try:
            event = json.loads(payload)
        except ValueError:
            return "INVALID_JSON"
        execute_later(lambda_svc._execution_record_for_config(function, config), event, cause)
        return ""

    deliver = sns._deliver_to_lambda

    def subscription(endpoint: str, envelope: str, *arguments: Any, **named: Any) -> None:
        local.asynchronous = True
        try:
            deliver(endpoint, json.dumps(_for_lambda(json.loads(envelope))), *arguments, **named)
        finally:
            local.asynchronous = False

    # The edge reads the sources of event source mappings.
    lambda_svc._ensure_poller = lambda: None
    lambda_svc._execute_function = execute
    lambda_svc.invoke_async_with_retry = execute_later
    # On AWS these invoke with the Event type; MiniStack would wait for the result and retry nothing.
    eventbridge._dispatch_to_lambda = rule_target
    sns._deliver_to_lambda = subscription
    # The edge has logged and counted the invocation.
    lambda_svc._emit_lambda_logs = lambda *arguments, **named: None
    lambda_svc._emit_lambda_metrics = lambda *arguments, **named: None


def leave_alarms_to(edge: Edge) -> None:
    """MiniStack keeps the alarms and their history, and measures; the edge evaluates and tells who is named."""
    from ministack.services import cloudwatch

    def changed(alarm: dict[str, Any], before: str, state: str, reason: str) -> None:
        edge.report("transition", alarm=alarm, before=before, state=state, reason=reason)

    class Exactly(dict[str, str]):
        """Dimensions that were asked for. None were: the metric without any is meant, not all of that name."""

        def __bool__(self) -> bool:
            return True

    listed = cloudwatch._dims_from_list
    measured = cloudwatch._get_metric_statistics

    def statistics(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        with only_of(data.get("Unit") or cloudwatch._p(params, "Unit")):
            return measured(params, data, is_cbor, is_json)

    @contextmanager
    def only_of(unit: str) -> Iterator[None]:
        """One thread serves all calls, so that no other call sees the choice."""
        everything = cloudwatch._metrics
        if unit:
            points = {key: [point for point in all_ if point["Unit"] == unit] for key, all_ in everything.items()}
            cloudwatch._metrics = points
        try:
            yield
        finally:
            cloudwatch._metrics = everything

    cloudwatch._evaluate_all_alarms = lambda: None
    cloudwatch._evaluate_alarm = lambda alarm: edge.report("alarm")
    cloudwatch._dispatch_alarm_actions = changed
    cloudwatch._dims_from_list = lambda dimensions: Exactly(listed(dimensions))
    cloudwatch._get_metric_statistics = statistics


def send_mail_to(edge: Edge) -> None:
    """SNS' subscriptions by e-mail, and what SES sends."""
    from ministack.services import ses, ses_v2, sns

    fan_out = sns._fanout

    def fanout(
        topic_arn: str,
        msg_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        *arguments: Any,
        **named: Any,
    ) -> None:
        fan_out(topic_arn, msg_id, message, subject, message_structure, message_attributes, *arguments, **named)
        topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
        attributes = message_attributes or {}
        for subscription in topic["subscriptions"]:
            protocol = subscription.get("protocol")
            if protocol not in ("email", "email-json") or not subscription.get("confirmed"):
                continue
            text = sns._resolve_message_for_protocol(message, message_structure, protocol)
            if not sns._matches_filter_policy(subscription, attributes, text):
                continue
            if protocol == "email-json":
                text = sns._build_envelope(topic_arn, msg_id, text, subject, attributes, False)
            edge.report(
                "notification", topic=topic_arn, id=msg_id, to=subscription["endpoint"], subject=subject, text=text
            )

    def relay(source: str, addresses: list[str], message: str) -> None:
        edge.report("mail", source=source, to=addresses, message=message)

    sns._fanout = fanout
    ses._smtp_relay = ses_v2._smtp_relay = relay


def keep_logs_light() -> None:
    """Take log lines at a tenth of the cost, and keep each group's newest ones: a load run writes millions.

    MiniStack indexes every line for GetLogRecord when it comes in. Its Insights build that index for what a query
    finds, if it is not there.
    """
    from ministack.core.responses import json_response
    from ministack.services import cloudwatch_logs

    refuse = cloudwatch_logs._put_log_events
    numbers = itertools.count(time.time_ns())

    def put_log_events(data: dict[str, Any]) -> Any:
        group, stream = data.get("logGroupName"), data.get("logStreamName")
        streams = (cloudwatch_logs._log_groups.get(group) or {"streams": {}})["streams"]
        kept = streams.get(stream)
        if kept is None:
            return refuse(data)
        now = int(time.time() * 1000)
        sent = data.get("logEvents", [])
        lines = [
            {
                "timestamp": line.get("timestamp", now),
                "message": line.get("message", ""),
                "ingestionTime": now,
                "eventId": f"{next(numbers):056d}",
            }
            for line in sent
        ]
        cloudwatch_logs._append_log_events(kept, lines)
        if sum(len(one["events"]) for one in streams.values()) > LINES_KEPT * 3 // 2:
            with cloudwatch_logs._log_events_lock:
                drop_old_lines(streams)
        kept["uploadSequenceToken"] = token = str(int(kept["uploadSequenceToken"]) + 1)
        cloudwatch_logs._fanout_to_subscription_filters(group, stream, lines)
        cloudwatch_logs._fanout_to_live_tail_sessions(group, stream, lines)
        return json_response({"nextSequenceToken": token})

    def drop_old_lines(streams: dict[str, Any]) -> None:
        """Of all streams of a group together; one that has none left goes too, as the writer makes it again."""
        times = sorted(line["timestamp"] for one in streams.values() for line in one["events"])
        for name, one in list(streams.items()):
            del one["events"][: bisect_left(one["events"], times[-LINES_KEPT], key=itemgetter("timestamp"))]
            if not one["events"]:
                del streams[name]

    cloudwatch_logs._put_log_events = put_log_events


def quicken_dynamodb(upstream: ModuleType) -> None:
    """Changes to MiniStack's own code; a MiniStack that they were not written for does not start."""
    correction("dynamodb_items").correct(upstream)
    correction("dynamodb_requests").correct(upstream)
    correction("dynamodb_queries").correct(upstream)


def _arn(function: dict[str, Any]) -> str:
    """The function's ARN as it was meant, with the version or alias."""
    return str((function.get("config") or function)["FunctionArn"])


def correction(name: str) -> ModuleType:
    """A module of in_ministack: a package by its path, as the directory of this file is not to be searched."""
    if PACKAGE not in sys.modules:
        directory = Path(__file__).parent / PACKAGE
        spec = importlib.util.spec_from_file_location(
            PACKAGE, directory / "__init__.py", submodule_search_locations=[str(directory)]
        )
        assert spec is not None
        assert spec.loader is not None
        package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")


async def serve(app: Any, keeper: Any, upstream: ModuleType) -> None:
    """Answer what comes over the connections that the edge hands over; nothing listens."""
    import uvicorn

    async def kept(scope: Any, receive: Any, send: Any) -> None:
        await keeper.app(app, scope, receive, send)

    config = uvicorn.Config(
        kept,
        http="httptools",
        ws="none",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[]))
    while not (server.started or serving.done()):  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    calls = correction("dynamodb_calls")
    kind = calls.protocol_of(upstream, config.http_protocol_class, calls.StraightCalls(upstream, keeper))

    def protocol() -> Any:
        return kind(config=config, server_state=server.server_state, app_state=server.lifespan.state)

    def take() -> None:
        """The edge's socket closes when the edge ends, however it ends."""
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as edge:
            while True:
                data, descriptors, _, _ = socket.recv_fds(edge, 1, 1)
                if not data:
                    saved = asyncio.run_coroutine_threadsafe(keeper.finish(), loop)
                    with suppress(Exception):
                        saved.result(LAST_SAVE_SECONDS)
                    os._exit(0)
                for descriptor in descriptors:
                    connection = socket.socket(fileno=descriptor)
                    connection.setblocking(False)
                    asyncio.run_coroutine_threadsafe(loop.connect_accepted_socket(protocol, connection), loop)

    keeper.begin()
    threading.Thread(target=take, daemon=True).start()
    await serving


def main() -> None:
    edge = Edge(os.environ.pop("STATICFIRE_EDGE_URL"), os.environ.pop("STATICFIRE_TOKEN"))

    import uvloop
    from ministack.app import app

    hand_over(edge)
    correction("functions").correct(edge.lambda_api)
    correction("api_templates").correct(edge.api_gateway)
    correction("rest_api_templates").correct(edge.api_gateway)
    correction("log_subscriptions").correct(edge.enqueue)
    leave_alarms_to(edge)
    send_mail_to(edge)
    keep_logs_light()
    upstream = correction("upstream")
    quicken_dynamodb(upstream)
    for module in ("events", "execution_logs", "objects", "scaling"):
        correction(module).correct()
    kept = os.environ.pop("STATICFIRE_KEPT")
    keeper = correction("keeping").Keeper(Path(kept or "unused"), keep=bool(kept))
    keeper.restore()
    # What is here stays, and what a call makes is freed by its reference counts: look for cycles seldom.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(serve(app, keeper, upstream))


if __name__ == "__main__":
    main()
