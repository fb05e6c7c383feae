"""The console: a page of its own origin that shows what the running stack does, and its small API.

It is a process of its own beside the edge and a client of it: what it draws, sorts and compares slows no request down.

    process      `up` and `open` start it, `down` ends it; its address with the token
    perimeter -> who is let in: the token in the path, the whole Host, the same origin
    server    -> files of static/, the API (routes.py), what is live (live.py)
"""
