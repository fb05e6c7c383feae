"""The control plane of apigatewayv2: HTTP and WebSocket APIs, by AWS's model, in the store.

records  what is described, read and written; everything that serves listens to it
"""
