"""What HTTP, REST and WebSocket APIs have in common, once.

refusal        what API Gateway answers by itself
settings       CORS, throttling and access logs, as a stage or an API describes them
request_ids    the ids and times of requests
access_log     the lines of a stage's log; metrics: their numbers; throttle: token buckets; cors: its headers
function_call  a function called by an API
"""
