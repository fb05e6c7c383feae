region   = "eu-west-1"
greeting = "hello from"
