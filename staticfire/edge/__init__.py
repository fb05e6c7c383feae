"""The edge: the one local AWS endpoint, and what runs behind it."""
