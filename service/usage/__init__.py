"""The usage service: accepts usage events and tells averages.

The event's row in Postgres is the truth. A user's aggregate in DynamoDB is a versioned projection of it: it may be
written any number of times, in any order, by the request that counted the event, by a retry or by the reconciler.
"""
