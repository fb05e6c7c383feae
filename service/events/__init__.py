"""The events service: takes webhook, telemetry and audit events, one or a hundred at a time, and stores each once.

An event's id is its key in DynamoDB, and it is put only where there is none. A sender that got no answer sends the same
again: what is there already is a duplicate if it says the same, and a conflict if it does not.
"""
