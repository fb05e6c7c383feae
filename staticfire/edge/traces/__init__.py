"""What one request did: its trace.

    a request, an invocation, an AWS call, a segment of X-Ray -> record (a plain tuple) -> Traces -> Span, Trace

What happens is noted as plain tuples (`model.py`), which cost little and which the garbage collector does not look at.
They are taken apart, joined and named only when somebody reads them.
"""

from .model import Kind, Link, Span, Trace, TraceSummary
from .recorder import Subscription, TraceFilter, Traces
from .trace_id import root_of

__all__ = ["Kind", "Link", "Span", "Subscription", "Trace", "TraceFilter", "TraceSummary", "Traces", "root_of"]
