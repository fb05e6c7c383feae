"""X-Ray: the traces of the edge, asked for as AWS's API asks, with the segments that functions send themselves.

service     the operations
segments    segment documents in: by PutTraceSegments, and by the daemon's UDP port of each execution environment
documents   segment documents out, and summaries
filters     filter expressions
graph       the service graph
"""

from .service import Xray

__all__ = ["Xray"]
