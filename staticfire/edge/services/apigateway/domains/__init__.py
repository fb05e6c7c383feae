"""Which API, stage and path an address means."""
