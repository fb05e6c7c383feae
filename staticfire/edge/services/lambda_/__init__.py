"""Lambda: functions run here, in processes of the official runtime client, as AWS documents it.

api                    what the edge answers AWS's callers itself: invocations, refusals
service                Functions: what the rest of the edge calls
event_queue            Event invocations: retries, destinations, dead-letter queues
admission              how many invocations may run
running_function       one function: its pools, its counters
sweeper                looks after all execution environments: memory, sleep, idleness
pool                   the execution environments of one version: reuse, scale-out, retirement
starter                what one needs before its process starts; code, credentials, runtimes
execution_environment  one: a process and its Runtime API, one invocation at a time
function_process       that process: its output, its end; launch: the first lines that run in it; memory: its limit
catalog                what a reference means: GetFunction through the emulator, cached; aliases and versions
log_shipper            CloudWatch Logs; metrics: CloudWatch; policy: who may invoke
"""

from .model import FunctionConfig, FunctionRef, LambdaSettings, Outcome
from .service import Functions

__all__ = ["FunctionConfig", "FunctionRef", "Functions", "LambdaSettings", "Outcome"]
