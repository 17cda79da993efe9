# dev: one of everything, without optional parts that cost by the hour.
environment         = "dev"
cidr                = "10.10.0.0/16"
nat_in_each_zone    = false
endpoints           = []
public_api          = true
lets_encrypt        = "staging"
log_days            = 7
exports_kept_days   = 60
monthly_dollars     = 250
deletion_protection = false
node_groups = {
  graviton = { arch = "arm64", instance_types = ["t4g.medium"], min = 1, max = 3, spot = true }
  amd64    = { arch = "amd64", instance_types = ["t3.medium"], min = 1, max = 3, spot = true }
}
valkey = { node_type = "cache.t4g.micro", replicas = 0, snapshot_days = 1 }
