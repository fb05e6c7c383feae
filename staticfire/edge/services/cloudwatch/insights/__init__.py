"""CloudWatch Logs Insights: queries over log groups, in front of whatever keeps them.

service      StartQuery, GetQueryResults, StopQuery, DescribeQueries
tokens       a query in words;  parser  what it means (`expressions`, `commands`)
events       a log event's fields, discovered when they are asked for
functions    what can be called in expressions;  aggregates  what `stats` counts
patterns     regular expressions of strangers, within a budget of time
"""

from .service import Insights

__all__ = ["Insights"]
