"""Lambda: functions run here, in processes of the official runtime client, as AWS documents it.

catalog      what a reference means: GetFunction through the emulator, cached; aliases and versions
code         zips and layers, unpacked once for each content
launch       the first lines in a function's process
process      that process: its environment, its output, its end
environment  one execution environment: the process and its Runtime API, one invocation at a time
pool         the environments of one version: reuse, scale-out, retirement
service      Functions: what the rest of the edge calls
api          the Lambda API's calls that the edge answers itself
asynchronous Event invocations: retries, destinations, dead-letter queues
logs         CloudWatch Logs; metrics: CloudWatch; policy: who may invoke
"""

from .model import FunctionConfig, FunctionRef, Outcome
from .service import Functions

__all__ = ["FunctionConfig", "FunctionRef", "Functions", "Outcome"]
