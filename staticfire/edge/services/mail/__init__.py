"""What SNS and SES send by e-mail."""
