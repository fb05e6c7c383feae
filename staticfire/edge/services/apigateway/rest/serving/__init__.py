"""REST APIs served: the data plane."""
