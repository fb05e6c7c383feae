"""What Staticfire's speed is measured against, and how: `make bench`."""
