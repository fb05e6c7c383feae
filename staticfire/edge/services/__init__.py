"""The AWS services that the edge answers itself."""
