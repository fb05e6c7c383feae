"""Lambda's control plane: what the API describes, a module a kind of resource, each a table of operations.

control_plane  the table of all, what stands before it and what is not available
called         whom a call means, and the errors that every operation may answer with
functions      create, update, publish, tell, delete; configuration: what a configuration may be and becomes
packages       zips, objects in S3 and images
aliases, layers, permissions, concurrency, event_invoke, function_url_configs, code_signing, tags, account
wording        where AWS says things otherwise than its model
"""

from .control_plane import LambdaControlPlane

__all__ = ["LambdaControlPlane"]
