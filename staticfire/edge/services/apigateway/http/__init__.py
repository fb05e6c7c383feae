"""HTTP APIs served, compiled from what the store has of them.

    catalog -> (stage, path) -> CORS preflight -> route -> throttle -> authorizer -> integration -> answer

`catalog` knows an API compiled, `handler` takes the steps in AWS's order. Each other module is one step. What AWS
documents is named in the module that does it.
"""
