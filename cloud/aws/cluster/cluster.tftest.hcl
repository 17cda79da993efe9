# `tofu test`: which digests are accepted.

variables {
  platform = {
    environment   = "prod"
    region        = "us-east-1"
    zone          = "bank.example.com"
    email         = "bank@example.com"
    lets_encrypt  = "staging"
    auth          = { issuer = "https://login.example.com", audience = "https://bank.example.com", client_id = "bank" }
    registry      = "123456789012.dkr.ecr.us-east-1.amazonaws.com/money-bank"
    runtime       = "bank"
    secret_name   = "bank/redis"
    valkey_cidrs  = ["10.10.0.0/19"]
    wait_replicas = 1
    cluster       = { name = "bank", endpoint = "https://127.0.0.1:1", ca_certificate = "YQ==" }
  }
  tag    = "1.2.3"
  digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "a_digest_is_accepted" {
  command = plan
}

# What `aws --output text` prints for a digest that is missing.
run "none_is_refused" {
  command = plan
  variables {
    digest = "None"
  }
  expect_failures = [var.digest]
}

# With an empty digest the chart would deploy the tag.
run "an_empty_digest_is_refused" {
  command = plan
  variables {
    digest = ""
  }
  expect_failures = [var.digest]
}
