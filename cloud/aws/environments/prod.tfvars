# prod, for real money: three zones for everything, and an API server that cannot be reached over the Internet.
environment         = "prod"
cidr                = "10.30.0.0/16"
nat_in_each_zone    = true
endpoints           = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"]
public_api          = false
lets_encrypt        = "production"
log_days            = 365
exports_kept_days   = 400
monthly_dollars     = 1500
deletion_protection = true
node_groups = {
  graviton = { arch = "arm64", instance_types = ["m7g.large"], min = 3, max = 12 }
  amd64    = { arch = "amd64", instance_types = ["m7i.large"], min = 1, max = 6 }
}
valkey = { node_type = "cache.m7g.large", replicas = 2, snapshot_days = 30 }
