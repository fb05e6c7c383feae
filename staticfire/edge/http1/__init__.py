"""HTTP/1.1 on httptools, a server and a client: others neither bound a client nor pass on bytes as they came."""
