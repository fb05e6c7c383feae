"""What one request did: its trace."""
