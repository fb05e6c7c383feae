"""The gateway service: one front for many upstreams, with tokens, sessions, rate limits and a circuit breaker."""
