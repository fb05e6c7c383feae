"""Client of the edge's own endpoints below `/_staticfire/`."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from .errors import NotRunningError, StaticfireError, UsageError


@dataclass(frozen=True)
class Health:
    """Each part's state. `instance` is one life of the emulator: another one means that what was applied is gone."""

    state: str
    instance: str
    parts: Mapping[str, Mapping[str, Any]]

    @property
    def well(self) -> bool:
        return not self.sick

    @property
    def sick(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: part for name, part in self.parts.items() if part.get("state") not in WELL}


WELL = ("running", "none")
PORT_TAKEN = "PortTaken"  # the code of the edge's answer where another function is debugged at the port


class TracesOff(StaticfireError):
    """The running edge keeps no traces."""


class PortTaken(UsageError):
    """Another function is debugged there; it may not listen yet."""


class EdgeClient:
    """`endpoint` is the edge's base URL; `token` is what it wants to see for all but its health."""

    def __init__(self, endpoint: str, token: str = "", *, timeout: float = 10.0) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.timeout = timeout
        self._token = token

    def health(self) -> Health | None:
        """What runs, and whether it is well; None when nothing answers."""
        try:
            _, answer = self._request("GET", "health")
        except NotRunningError:
            return None
        return Health(str(answer.get("state")), str(answer.get("instance", "")), answer.get("parts", {}))

    def functions(self) -> Mapping[str, Any]:
        return self._ask("GET", "functions")

    def calls(self) -> Sequence[Mapping[str, Any]]:
        """AWS API calls since the edge started: account, service, operation (null for REST services), count."""
        calls: Sequence[Mapping[str, Any]] = self._ask("GET", "calls")["calls"]
        return calls

    def traces(self, **chosen: str | int | float) -> Sequence[Mapping[str, Any]]:
        """The newest traces, as GET /_staticfire/traces chooses them."""
        query = urlencode({name: value for name, value in chosen.items() if value})
        status, answer = self._request("GET", f"traces?{query}")
        if status == 404:
            raise TracesOff(str(answer.get("message", answer)))
        if status >= 300:
            raise StaticfireError(f"The edge refused to tell its traces: {answer.get('message', answer)}")
        traces: Sequence[Mapping[str, Any]] = answer["traces"]
        return traces

    def note_traces(self, on: bool) -> bool:
        """Have what happens noted, or not; whether it is: not where `traces` is off."""
        return bool(self._ask("POST", f"traces/{'resume' if on else 'pause'}", {})["on"])

    def trace(self, identifier: str) -> Mapping[str, Any] | None:
        """One trace by any of its ids; None where none has it."""
        status, answer = self._request("GET", f"traces/{quote(identifier, safe='')}")
        if status == 404 and answer.get("off"):
            raise TracesOff(str(answer["message"]))
        if status == 404:
            return None
        if status >= 300:
            raise StaticfireError(str(answer.get("message", answer)))
        return answer

    def kill_execution_environment(self, identity: str) -> None:
        """kill -9 what runs there; one that is gone is not an error."""
        self._ask("POST", "functions/kill", {"environment": identity})

    def prepare_runtime(self, name: str) -> str:
        """Have what functions of a runtime need made; what is to be said of it, or nothing."""
        status, answer = self._request("POST", "runtimes", {"runtime": name})
        if status >= 300:
            raise StaticfireError(str(answer.get("message", answer)))
        return str(answer["note"])

    def complete_deployments(self, account: str, since: float) -> Sequence[Mapping[str, Any]]:
        """Have REST APIs' deployments since then freeze what was described after them; `name` and `late` of each."""
        answer = self._ask("POST", "deployments", {"account": account, "since": since})
        completed: Sequence[Mapping[str, Any]] = answer["completed"]
        return completed

    def save(self) -> Mapping[str, Any]:
        """Have the emulator's state on the disk, where it is kept at all; what was said of that."""
        status, answer = self._request("POST", "save", {})
        if status >= 300:
            raise StaticfireError(f"The emulator's state was not saved: {answer.get('error', answer)}")
        return answer

    def shut(self) -> int:
        """Have it let no request through; how many were still under way when it did."""
        return int(self._ask("POST", "shut", {})["under_way"])

    def open(self) -> bool:
        """Let all through again; whether it was shut until now."""
        return bool(self._ask("POST", "open", {})["was_shut"])

    def faults(self) -> Mapping[str, Any]:
        return self._ask("GET", "faults")

    def add_fault(self, fault: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set a fault, and return it as the edge understood it; a UsageError when it cannot be meant."""
        status, answer = self._request("POST", "faults", fault)
        if status >= 300:
            raise UsageError(str(answer.get("message", answer)))
        return answer

    def clear_fault(self, identity: str) -> Mapping[str, Any]:
        """End that fault; one that is gone is not an error."""
        return self._ask("DELETE", f"faults/{identity}")

    def clear_faults(self) -> int:
        """End all faults; how many there were."""
        return int(self._ask("DELETE", "faults")["cleared"])

    def mails(self, *, to: str = "", account: str = "") -> list[dict[str, Any]]:
        """What was sent by e-mail, newest first."""
        mails: list[dict[str, Any]] = self._ask("GET", f"mail?{urlencode({'to': to, 'account': account})}")["mails"]
        return mails

    def remove_mails(self, *, to: str = "", account: str = "") -> int:
        """Forget these mails; how many there were."""
        return int(self._ask("DELETE", f"mail?{urlencode({'to': to, 'account': account})}")["removed"])

    def reset(self) -> None:
        """End the functions' execution environments, empty their queues and the mailbox, clear the faults."""
        self._ask("POST", "reset")

    def debug(self, function: str, port: int, *, waits: bool, debugger: str) -> Mapping[str, Any]:
        """Have a function (its ARN) carry a debugger; a UsageError where it cannot: `PortTaken`, or another."""
        wish = {"function": function, "port": port, "waits": waits, "debugger": debugger}
        status, answer = self._request("POST", "debug", wish)
        if answer.get("code") == PORT_TAKEN:
            raise PortTaken(str(answer["message"]))
        if status >= 300:
            raise UsageError(str(answer.get("message", answer)))
        return answer

    def keep_debugging(self, function: str) -> Mapping[str, Any] | None:
        """Go on with it; how it is. None: it has ended."""
        status, answer = self._request("POST", "debug/keep", {"function": function})
        return answer if status < 300 else None

    def end_debugging(self, function: str) -> None:
        self._ask("DELETE", f"debug?{urlencode({'function': function})}")

    def put_code(self, functions: Sequence[str], layers: Sequence[str], data: bytes) -> Mapping[str, Any]:
        """Put a zip into functions and layer versions, by their ARNs; what became of each."""
        query = urlencode({"function": functions, "layer": layers}, doseq=True)
        status, answer = self._request("PUT", f"code?{query}", data)
        if status >= 300:
            raise StaticfireError(f"The edge refused the code: {answer.get('message', answer)}")
        return answer

    def change_code(
        self, functions: Sequence[str], layers: Sequence[str], files: bytes, *, base: str, removed: Sequence[str]
    ) -> Mapping[str, Any] | None:
        """Put what differs from the zip with the CodeSha256 `base`, a zip of it; None: it has to come as a whole."""
        chosen = {"function": functions, "layer": layers, "base": base, "removed": removed}
        status, answer = self._request("PUT", f"code?{urlencode(chosen, doseq=True)}", files)
        if status == 409:
            return None
        if status >= 300:
            raise StaticfireError(f"The edge refused the code: {answer.get('message', answer)}")
        return answer

    def layers(self) -> Mapping[str, str]:
        """CodeSha256 of the layers of other accounts that were brought, by `ARN RUNTIME`."""
        return self._ask("GET", "layers")

    def keep_layer(self, arn: str, runtime: str, data: bytes) -> None:
        """Bring a layer of another account, for functions of that runtime or of `any`."""
        status, answer = self._request("PUT", f"layers?{urlencode({'arn': arn, 'runtime': runtime})}", data)
        if status >= 300:
            raise StaticfireError(f"The edge refused the layer {arn}: {answer.get('message', answer)}")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        status, answer = self._request(method, path, body)
        if status >= 300:
            raise StaticfireError(f"The edge refused {method} /_staticfire/{path}: {answer.get('message', answer)}")
        return answer

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/zip" if isinstance(body, bytes) else "application/json"
        headers = {"content-type": kind} if data else {}
        if self._token:
            headers["x-staticfire-token"] = self._token
        request = urllib.request.Request(f"{self.endpoint}/_staticfire/{path}", data, headers, method=method)
        try:
            with _DIRECT.open(request, timeout=self.timeout) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotRunningError(
                f"No edge answers at {self.endpoint}: {error}.", remedy="Start the stack with `staticfire up`."
            ) from error
        try:
            answer = json.loads(content or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NotRunningError(
                f"What answers at {self.endpoint} is not staticfire.",
                remedy="Choose another port (STATICFIRE_PORT), or end that program.",
            )
        return status, answer


def fault_in_words(fault: Mapping[str, Any]) -> str:
    """A fault as the edge describes it: `dynamodb:UpdateItem  error ThrottlingException (400), 0.1 of the calls`."""
    calls = ":".join(filter(None, (fault["service"] or "every service", fault["operation"])))
    what = f"{fault['kind']} {fault['code']} ({fault['status']})" if fault["code"] else fault["kind"]
    details = [what]
    if fault["seconds"]:
        details.append(f"{fault['seconds']:g} s late")
    if fault["share"] < 1:
        details.append(f"{fault['share']:.6g} of the calls")
    if fault["times"] is not None:
        details.append(f"{fault['times']} times at most")
    if fault["when"] == "after":
        details.append("after they were carried out")
    if fault["account"] is not None:
        details.append(f"account {fault['account']}")
    return f"{calls}  {', '.join(details)}"


# No proxy that the user's variables name stands between this machine and itself.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
