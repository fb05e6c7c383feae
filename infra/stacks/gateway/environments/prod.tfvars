# What must not be lost is protected. A budget and a name of its own are this account's to give:
# -var='budget={...}' -var='custom_domain={...}'.

name                   = "gateway-prod"
environment            = "prod"
point_in_time_recovery = true
deletion_protection    = true

service_settings = {
  log_retention_days = 90
  functions          = { api = { memory_size = 1024 } }
}
