# `tofu test`: what raises an alarm, and who may encrypt one.

provider "aws" {
  region = "us-east-1"
}

variables {
  name            = "bank-test"
  email           = "bank@example.com"
  valkey_service  = "elasticache"
  valkey_nodes    = ["bank-test-001", "bank-test-002"]
  nat_gateway_ids = ["nat-a"]
}

run "a_dead_node_raises_one_alarm" {
  command = plan
  assert {
    condition = sort([for name, alarm in aws_cloudwatch_metric_alarm.valkey : name if alarm.treat_missing_data == "breaching"]) == tolist([
      "bank-test-001-memory", "bank-test-002-memory",
    ])
    error_message = "A node that sends nothing raises none, or several."
  }
}

run "cloudwatch_uses_the_key_for_this_account_alone" {
  command = plan
  assert {
    condition = alltrue([
      for s in jsondecode(aws_kms_key.this.policy).Statement : s.Condition == { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } } if s.Sid == "CloudWatch"
    ])
    error_message = "Alarms of other accounts may use the key."
  }
}
