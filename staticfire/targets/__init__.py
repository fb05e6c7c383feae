"""Where a stack runs: a module a target."""
