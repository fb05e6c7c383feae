"""What a method leads to.

lambda_proxy  a function that gets the request whole; lambda_custom: one that gets what a template makes of it
service       an operation of an AWS service; http: a server; mock: nothing
payloads      the request's payload for them; answers: from what they answered to the client's response
choice        which of them an integration is
"""
