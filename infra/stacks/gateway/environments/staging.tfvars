# As prod, so that what works here works there; without what only matters where data does.

name                   = "gateway-staging"
environment            = "staging"
point_in_time_recovery = true
