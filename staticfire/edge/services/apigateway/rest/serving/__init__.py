"""REST APIs served: the data plane.

handler           a request's steps; catalog: which stages there are; compiler: a stage made ready (compiled.py)
routing           which method a path means
exchange          one request; context: `$context`; trail, execution_log: its log
resource_policy   authorizers/  keys  usage  validation  json_schemas: who may call, how often, with what
integrations/     what a method leads to; proxy_event, proxy_answer: what functions get and give
parameters        mappings; templates/: mapping templates; patterns, media_types
gateway_responses what is answered without an integration
metrics           numbers for CloudWatch
trials            TestInvokeMethod, TestInvokeAuthorizer
"""

from .handler import RestServing
from .trials import Trials

__all__ = ["RestServing", "Trials"]
