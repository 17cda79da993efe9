# `tofu test`: what the module refuses, and what follows from its variables.

provider "aws" {
  region = "us-east-1"
}

variables {
  name                     = "bank-test"
  vpc_id                   = "vpc-a"
  subnet_ids               = ["subnet-a", "subnet-b"]
  client_security_group_id = "sg-a"
  node_type                = "cache.t4g.small"
  replicas                 = 2
  snapshot_days            = 3
  rotation                 = 1
}

run "with_replicas_it_fails_over_between_zones_and_evicts_nobody" {
  command = plan
  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.num_cache_clusters == 3
    error_message = "No failover."
  }
  assert {
    condition     = [for p in aws_elasticache_parameter_group.this.parameter : p.value if p.name == "maxmemory-policy"] == ["noeviction"]
    error_message = "Money may be evicted."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required" && aws_elasticache_replication_group.this.at_rest_encryption_enabled
    error_message = "Not encrypted."
  }
}

run "without_a_replica_there_is_no_failover" {
  command = plan
  variables {
    replicas = 0
  }
  assert {
    condition     = !aws_elasticache_replication_group.this.multi_az_enabled && !aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "AWS refuses a failover without a replica."
  }
}

run "without_snapshots_it_is_refused" {
  command = plan
  variables {
    snapshot_days = 0
  }
  expect_failures = [var.snapshot_days]
}
