"""A service as a table of operations on plain values: what a call says and how it is answered is AWS's model's matter.

operations  which operation, its members read and checked, carried out, its answer
validation  what the model demands of members, in AWS's words
rest_json   members in paths, queries, headers and JSON bodies
aws_json    members in JSON bodies alone; query: in forms, answered in XML
"""

from .operations import Operations, Params
from .validation import Wording

__all__ = ["Operations", "Params", "Wording"]
