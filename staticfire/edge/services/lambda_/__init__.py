"""Lambda: functions run here, in processes of the official runtime client, as AWS documents it.

api                    the Lambda API: invocations by the shortest way, all else by the control plane
control_plane          what describes functions: a table of operations
function_records       what is described, in the store; code_locations: where code can be fetched
service                Functions: what the rest of the edge calls
catalog                what a reference means to an invocation: read from the records, kept until a write
invocations            the calls that invoke; response_stream: a response read as it comes
event_queue            Event invocations, kept in the store: retries; destinations: where what became of them goes
admission              whether an invocation may run now
running_function       one function: its pools, its counters
pool                   the execution environments of one version: reuse, scale-out, retirement
starter                prepares an execution environment, with code, credentials and runtimes
execution_environment  a process and its Runtime API, one invocation at a time
extensions             programs of layers beside the runtime; telemetry: what they hear of it
function_process       that process: its output, its end; launch: the first lines that run in it
sweeper                looks after all that runs; memory: a function's limit
function_logs          CloudWatch Logs; metrics: CloudWatch; policy: who may invoke
"""

from .model import FunctionConfig, FunctionRef, LambdaSettings, Outcome
from .service import Functions

__all__ = ["FunctionConfig", "FunctionRef", "Functions", "LambdaSettings", "Outcome"]
