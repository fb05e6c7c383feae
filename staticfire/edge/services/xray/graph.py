"""The service graph: who called whom, how often, how it went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from staticfire.edge.traces import Span, Trace

from .documents import failed_as, service_of

Node = tuple[str, str]


def service_graph(traces: Iterable[Trace]) -> list[dict[str, Any]]:
    """The services of these traces, as GetServiceGraph and GetTraceGraph tell them; who asked first is the client."""
    spans: defaultdict[Node, list[Span]] = defaultdict(list)
    called: defaultdict[tuple[Node, Node], list[Span]] = defaultdict(list)
    roots: dict[Node, None] = {}
    for trace in traces:
        by_id = {span.id: span for span in trace.spans}
        for span in trace.spans:
            node = service_of(span)
            if not node[0]:
                continue
            spans[node].append(span)
            above = by_id.get(span.parent)
            while above is not None and not service_of(above)[0]:
                above = by_id.get(above.parent)
            if above is None:
                roots[node] = None
            elif service_of(above) != node:
                called[service_of(above), node].append(span)
    numbers = {node: number for number, node in enumerate(spans)}
    services = [_service(node, numbers[node], spans[node], node in roots) for node in spans]
    for (source, target), made in called.items():
        services[numbers[source]]["Edges"].append(_edge(numbers[target], made))
    if roots:
        client = _service(("client", "client"), len(services), [], False)
        client["Edges"] = [_edge(numbers[node], spans[node]) for node in roots]
        services.append(client)
    return services


def _service(node: Node, number: int, spans: list[Span], is_root: bool) -> dict[str, Any]:
    name, kind = node
    service: dict[str, Any] = {
        "ReferenceId": number,
        "Name": name,
        "Names": [name],
        "Root": is_root,
        "Type": kind,
        "State": "active",
        "Edges": [],
    }
    if spans:
        service |= {
            "AccountId": str(spans[0].facts.get("account") or ""),
            "StartTime": min(span.start for span in spans),
            "EndTime": max(span.end for span in spans),
            "SummaryStatistics": _statistics(spans),
            "DurationHistogram": _histogram(spans),
            "ResponseTimeHistogram": _histogram(spans),
        }
    return service


def _edge(target: int, spans: list[Span]) -> dict[str, Any]:
    return {
        "ReferenceId": target,
        "StartTime": min(span.start for span in spans),
        "EndTime": max(span.end for span in spans),
        "SummaryStatistics": _statistics(spans),
        "ResponseTimeHistogram": _histogram(spans),
        "Aliases": [],
    }


def _statistics(spans: list[Span]) -> dict[str, Any]:
    failed = [failed_as(span) for span in spans]
    throttled = sum(one["throttle"] for one in failed)
    errors, faults = sum(one["error"] for one in failed), sum(one["fault"] for one in failed)
    return {
        "OkCount": len(spans) - errors - faults,
        "ErrorStatistics": {"ThrottleCount": throttled, "OtherCount": errors - throttled, "TotalCount": errors},
        "FaultStatistics": {"OtherCount": faults, "TotalCount": faults},
        "TotalCount": len(spans),
        "TotalResponseTime": round(sum(span.seconds for span in spans), 6),
    }


def _histogram(spans: list[Span]) -> list[dict[str, Any]]:
    counts = Counter(round(span.seconds, 3) for span in spans)
    return [{"Value": value, "Count": count} for value, count in sorted(counts.items())]
