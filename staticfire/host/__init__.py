"""What this machine is asked for: files, locks, processes, ports, and waiting for them."""
