"""What the services share, and no library has: each module says why in its first sentence."""
