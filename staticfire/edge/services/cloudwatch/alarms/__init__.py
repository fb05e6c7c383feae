"""CloudWatch's metric alarms, evaluated here: MiniStack's own evaluation ignores dimensions and never runs.

`rules.py` is the evaluation alone, without a clock or a network; `evaluator.py` runs it each period and sets states;
`wording.py` is what AWS writes of a change; `actions.py` publishes it to the topics that the alarm names.
"""

from .actions import Actions
from .evaluator import Alarms

__all__ = ["Actions", "Alarms"]
