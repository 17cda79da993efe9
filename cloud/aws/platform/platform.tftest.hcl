# `tofu test -var-file=../mine.tfvars.example`: settings that an environment must refuse.

variables {
  environment         = "prod"
  cidr                = "10.30.0.0/16"
  nat_in_each_zone    = true
  endpoints           = ["sts"]
  public_api          = false
  lets_encrypt        = "production"
  log_days            = 365
  exports_kept_days   = 400
  monthly_dollars     = 1500
  deletion_protection = true
  node_groups         = { graviton = { arch = "arm64", instance_types = ["m7g.large"], min = 3, max = 6 } }
  valkey              = { node_type = "cache.m7g.large", replicas = 1, snapshot_days = 30 }
}

run "one_replica_in_prod_will_do" {
  command = plan
}

run "prod_without_a_replica_of_valkey_is_refused" {
  command = plan
  variables {
    valkey = { node_type = "cache.m7g.large", replicas = 0, snapshot_days = 30 }
  }
  expect_failures = [var.valkey]
}

run "memorydb_takes_the_place_of_elasticache_and_nothing_waits_for_replicas" {
  command = plan
  variables {
    valkey = { service = "memorydb", node_type = "db.r7g.large", replicas = 1, snapshot_days = 30 }
  }
  assert {
    condition     = length(module.memorydb) == 1 && length(module.valkey) == 0
    error_message = "Both, or none."
  }
  assert {
    condition     = output.platform.wait_replicas == 0
    error_message = "MemoryDB has a write in its log before it answers."
  }
}

run "a_node_of_the_other_service_is_refused" {
  command = plan
  variables {
    valkey = { service = "memorydb", node_type = "cache.m7g.large", replicas = 1, snapshot_days = 30 }
  }
  expect_failures = [var.valkey]
}

run "with_the_runtime_bank_no_shim_is_asked_for" {
  command = plan
  variables {
    runtime = "bank"
    shim    = null
  }
}

run "spinkube_without_a_shim_is_refused" {
  command = plan
  variables {
    shim = null
  }
  expect_failures = [var.shim]
}

run "an_account_that_is_none_is_refused" {
  command = plan
  variables {
    account = "12345678901"
  }
  expect_failures = [var.account]
}

run "an_environment_that_is_none_is_refused" {
  command = plan
  variables {
    environment = "production"
  }
  expect_failures = [var.environment]
}
