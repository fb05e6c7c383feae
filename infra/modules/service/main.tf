# A service: its packages, its functions with their roles, an HTTP API whose routes invoke them, and alarms.

locals {
  settings = merge({
    alarm_actions      = []
    alarm_period       = 60
    architecture       = "arm64"
    cors               = null
    functions          = {}
    log_retention_days = 30
    runtime            = "python3.13"
    throttling         = { rate = 10000, burst = 5000 }
  }, var.settings)
}
