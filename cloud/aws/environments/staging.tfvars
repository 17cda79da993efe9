# staging: like prod, but smaller. It has a replica, so that a failover is practised, and one NAT gateway for all zones.
environment         = "staging"
cidr                = "10.20.0.0/16"
nat_in_each_zone    = false
endpoints           = []
public_api          = true
lets_encrypt        = "staging"
log_days            = 30
exports_kept_days   = 90
monthly_dollars     = 400
deletion_protection = false
node_groups = {
  graviton = { arch = "arm64", instance_types = ["t4g.large"], min = 2, max = 4 }
  amd64    = { arch = "amd64", instance_types = ["t3.large"], min = 1, max = 3, spot = true }
}
valkey = { node_type = "cache.t4g.small", replicas = 1, snapshot_days = 3 }
