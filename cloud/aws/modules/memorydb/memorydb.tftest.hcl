# `tofu test`: what the module refuses, and what follows from its variables.

provider "aws" {
  region = "us-east-1"
}

variables {
  name                     = "bank-test"
  vpc_id                   = "vpc-a"
  subnet_ids               = ["subnet-a", "subnet-b"]
  client_security_group_id = "sg-a"
  node_type                = "db.t4g.small"
  replicas                 = 1
  snapshot_days            = 3
  rotation                 = 1
}

run "it_is_encrypted_evicts_nobody_and_has_the_replicas_that_were_asked_for" {
  command = plan
  assert {
    condition     = aws_memorydb_cluster.this.num_shards == 1 && aws_memorydb_cluster.this.num_replicas_per_shard == 1
    error_message = "Another cluster than was asked for."
  }
  assert {
    condition     = [for p in aws_memorydb_parameter_group.this.parameter : p.value if p.name == "maxmemory-policy"] == ["noeviction"]
    error_message = "Money may be evicted."
  }
  assert {
    condition     = aws_memorydb_cluster.this.tls_enabled
    error_message = "Not encrypted on its way."
  }
}

run "its_user_reaches_the_banks_keys_alone_and_may_do_nothing_else" {
  command = plan
  assert {
    condition     = strcontains(aws_memorydb_user.this.access_string, "on ~bank:* -@all ") && !strcontains(aws_memorydb_user.this.access_string, "+@") && !strcontains(aws_memorydb_user.this.access_string, "&")
    error_message = "More than the bank needs."
  }
  # The list open-access, which every account has, lets in everybody without a password.
  assert {
    condition     = aws_memorydb_cluster.this.acl_name == aws_memorydb_acl.this.name && tolist(aws_memorydb_acl.this.user_names) == tolist([aws_memorydb_user.this.user_name])
    error_message = "Others than the bank's user sign in."
  }
  assert {
    condition     = aws_memorydb_user.this.authentication_mode[0].type == "password"
    error_message = "It signs in without a password."
  }
}

run "without_snapshots_it_is_refused" {
  command = plan
  variables {
    snapshot_days = 0
  }
  expect_failures = [var.snapshot_days]
}
