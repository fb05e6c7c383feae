"""Load runs: Locust with profiles that hold a rate, what was measured, what was lost, and the report."""
