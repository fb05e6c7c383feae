"""HTTP/1.1 on httptools and asyncio: a server and a client."""
