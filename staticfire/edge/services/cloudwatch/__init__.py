"""CloudWatch: alarms described and evaluated."""
