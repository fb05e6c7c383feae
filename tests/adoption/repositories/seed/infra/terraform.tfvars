alert_email = "ops@example.com"
