"""Who may call a method: functions that decide (`lambda_`), user pools (`cognito`), signatures (`iam`)."""
