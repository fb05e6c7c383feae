"""AWS API calls: who calls what, who answers, in the caller's protocol."""
