"""Mapping templates: Velocity as API Gateway has it, within bounds.

parser     a template's text to its nodes
nodes      what is rendered, and expressions
values     methods of values, their truth, their text
variables  `$input`, `$util`
json_path  the paths of `$input.path` and `$input.json`
budget     what one rendering may take
renderer   renders beside the event loop what takes longer than a moment
"""
