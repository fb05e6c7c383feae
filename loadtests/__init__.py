"""Locust profiles, one a service: `locust -f loadtests/NAME.py`."""
