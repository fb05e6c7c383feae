"""X-Ray's operations on the traces that are kept.

Of other operations (groups, insights, resource policies) none is served: they answer 501 and say so.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Operations, Params
from staticfire.edge.http1.messages import Response
from staticfire.edge.traces import Trace, Traces
from staticfire.edge.traces.segments import BadSegment, take_segment

from .documents import seen, segments, summary
from .filters import compiled
from .graph import service_graph

PAGE = 1000
LONGEST_RANGE = 24 * 60 * 60
TRACES_AT_ONCE = 5
DEFAULT_RULE: Mapping[str, Any] = {
    "RuleName": "Default",
    "ResourceARN": "*",
    "Priority": 10000,
    "FixedRate": 1.0,
    "ReservoirSize": 1,
    "ServiceName": "*",
    "ServiceType": "*",
    "Host": "*",
    "HTTPMethod": "*",
    "URLPath": "*",
    "Version": 1,
    "Attributes": {},
}


class Xray:
    """The `xray` service."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._operations = Operations(
            "xray",
            {
                "GetTraceSummaries": self._summaries,
                "BatchGetTraces": self._batch,
                "PutTraceSegments": self._put,
                "PutTelemetryRecords": self._nothing,
                "GetServiceGraph": self._graph,
                "GetTraceGraph": self._trace_graph,
                "GetSamplingRules": self._sampling_rules,
                "GetSamplingTargets": self._sampling_targets,
                "GetSamplingStatisticSummaries": self._sampling_statistics,
                "GetEncryptionConfig": self._encryption,
            },
        )

    async def answer(self, call: Call) -> Response:
        if not self._traces.on:
            raise AwsError(501, "NotImplementedException", "Traces are off here: set `traces = true` and start again.")
        response = await self._operations.answer(call)
        if response is None:
            what = f"{call.request.method} {call.request.path}"
            raise AwsError(501, "NotImplementedException", f"X-Ray's {what} is not served here.")
        return response

    async def passed(self, call: Call, status: int) -> None:
        """Nothing goes to the emulator."""

    async def _between(self, call: Call, start: float, end: float) -> AsyncIterator[Trace]:
        """The traces of the caller's account and region that began then, oldest first."""
        async for trace in self._traces.all(start, end):
            if _owns(call, trace):
                yield trace

    def _named(self, call: Call, identifiers: Iterable[str]) -> dict[str, Trace]:
        """Those of the caller's that have these ids."""
        traces = {identifier: self._traces.get(identifier) for identifier in dict.fromkeys(identifiers)}
        return {
            identifier: trace
            for identifier, trace in traces.items()
            if trace is not None and trace.id == identifier and _owns(call, trace)
        }

    async def _summaries(self, call: Call, params: Params) -> Mapping[str, Any]:
        start, end = _range(params)
        takes = compiled(params["FilterExpression"]) if params.get("FilterExpression") else None
        chosen = []
        processed = 0
        async for trace in self._between(call, start, end):
            processed += 1
            if takes is None or takes(seen(trace)):
                chosen.append(summary(trace))
        first = _token(params)
        rest = len(chosen) - first - PAGE
        return {
            "TraceSummaries": chosen[first : first + PAGE],
            "ApproximateTime": time.time(),
            "TracesProcessedCount": processed,
            "NextToken": str(first + PAGE) if rest > 0 else None,
        }

    async def _batch(self, call: Call, params: Params) -> Mapping[str, Any]:
        identifiers = params["TraceIds"]
        if len(identifiers) > TRACES_AT_ONCE:
            raise AwsError(400, "InvalidRequestException", f"At most {TRACES_AT_ONCE} traces are answered at once.")
        owned = self._named(call, identifiers)
        return {
            "Traces": [
                {
                    "Id": identifier,
                    "Duration": round(trace.summary.seconds, 3),
                    "LimitExceeded": bool(trace.dropped),
                    "Segments": segments(trace),
                }
                for identifier, trace in owned.items()
            ],
            "UnprocessedTraceIds": [identifier for identifier in identifiers if identifier not in owned],
        }

    async def _put(self, call: Call, params: Params) -> Mapping[str, Any]:
        unprocessed = []
        for document in params["TraceSegmentDocuments"]:
            try:
                take_segment(self._traces, document)
            except BadSegment as problem:
                code = str(problem).rpartition(" ")[2]
                unprocessed.append({"Id": problem.id or None, "ErrorCode": code, "Message": str(problem)})
        return {"UnprocessedTraceSegments": unprocessed}

    async def _graph(self, call: Call, params: Params) -> Mapping[str, Any]:
        start, end = _range(params)
        chosen = [trace async for trace in self._between(call, start, end)]
        return {
            "StartTime": start,
            "EndTime": end,
            "Services": service_graph(chosen),
            "ContainsOldGroupVersions": False,
        }

    async def _trace_graph(self, call: Call, params: Params) -> Mapping[str, Any]:
        return {"Services": service_graph(self._named(call, params["TraceIds"]).values())}

    async def _sampling_rules(self, call: Call, params: Params) -> Mapping[str, Any]:
        """One rule: nothing is sampled away."""
        rule = {
            **DEFAULT_RULE,
            "RuleARN": f"arn:aws:xray:{call.scope.region}:{call.scope.account}:sampling-rule/Default",
        }
        return {"SamplingRuleRecords": [{"SamplingRule": rule, "CreatedAt": 0.0, "ModifiedAt": 0.0}]}

    async def _sampling_targets(self, call: Call, params: Params) -> Mapping[str, Any]:
        names = [statistics["RuleName"] for statistics in params["SamplingStatisticsDocuments"]]
        targets = [
            {
                "RuleName": name,
                "FixedRate": 1.0,
                "ReservoirQuota": 1,
                "ReservoirQuotaTTL": time.time() + 60,
                "Interval": 10,
            }
            for name in names
            if name == DEFAULT_RULE["RuleName"]
        ]
        unknown = [
            {"RuleName": name, "ErrorCode": "400", "Message": "Unknown rule"}
            for name in names
            if name != DEFAULT_RULE["RuleName"]
        ]
        return {
            "SamplingTargetDocuments": targets,
            "LastRuleModification": 0.0,
            "UnprocessedStatistics": unknown,
        }

    async def _sampling_statistics(self, call: Call, params: Params) -> Mapping[str, Any]:
        return {"SamplingStatisticSummaries": []}

    async def _encryption(self, call: Call, params: Params) -> Mapping[str, Any]:
        return {"EncryptionConfig": {"Status": "ACTIVE", "Type": "NONE"}}

    async def _nothing(self, call: Call, params: Params) -> Mapping[str, Any]:
        return {}


def _owns(call: Call, trace: Trace) -> bool:
    owned = [(span.facts["account"], span.facts["region"]) for span in trace.spans if "account" in span.facts]
    return not owned or tuple(call.scope) in owned


def _range(params: Params) -> tuple[float, float]:
    start, end = float(params["StartTime"]), float(params["EndTime"])
    if end < start:
        raise AwsError(400, "InvalidRequestException", "EndTime must be after StartTime")
    if end - start > LONGEST_RANGE:
        raise AwsError(400, "InvalidRequestException", "Time range cannot be longer than 24 hours")
    return start, end


def _token(params: Params) -> int:
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise AwsError(400, "InvalidRequestException", "Invalid NextToken")
    return int(token)
