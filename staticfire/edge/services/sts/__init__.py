"""STS: who a function is."""
