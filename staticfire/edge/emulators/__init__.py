"""The emulators behind the edge: MiniStack, LocalStack, and what each lacks."""
