# For trying things out: nothing is protected, nothing is kept for long.

name        = "gateway-dev"
environment = "dev"

service_settings = {
  log_retention_days = 7
  cors               = { allow_origins = ["http://localhost:3000"], allow_credentials = true }
}
