"""Scenarios: the pytest plugin, a run's stacks, what a scenario holds."""
