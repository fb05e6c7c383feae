"""Function URLs: HTTP to a function without an API, as AWS serves it.

service        which URL a request is for, CORS, who may, the invocation
event          the event, payload format 2.0
answers        from what a function returned, whole or streamed, to an HTTP response
authorization  AuthType AWS_IAM: signatures; the function's resource policy
"""

from .service import FunctionUrls

__all__ = ["FunctionUrls"]
