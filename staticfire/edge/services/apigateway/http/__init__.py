"""HTTP APIs: the data plane, learned from the control plane of the emulator behind the edge.

    address -> catalog -> (stage, path) -> CORS preflight -> route -> throttle -> authorizer -> integration -> answer

`address` says which API a request means, `catalog` knows that API compiled, `handler` takes the steps in AWS's order.
Each other module is one step. What AWS documents is named in the module that does it.
"""
