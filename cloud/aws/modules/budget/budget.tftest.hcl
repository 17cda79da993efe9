# `tofu test`: who is warned, and when.

provider "aws" {
  region = "us-east-1"
}

variables {
  name            = "bank-test"
  monthly_dollars = 250
  email           = "bank@example.com"
}

run "a_mail_comes_before_the_month_has_cost_too_much" {
  command = plan
  assert {
    condition = (aws_budgets_budget.this.budget_type == "COST" && aws_budgets_budget.this.time_unit == "MONTHLY" &&
    aws_budgets_budget.this.limit_amount == "250" && aws_budgets_budget.this.limit_unit == "USD")
    error_message = "Another limit than was asked for."
  }
  assert {
    condition = ({ for n in aws_budgets_budget.this.notification : n.notification_type => [n.comparison_operator, n.threshold_type, tostring(n.threshold), one(n.subscriber_email_addresses)] } == {
      ACTUAL     = ["GREATER_THAN", "PERCENTAGE", "80", "bank@example.com"]
      FORECASTED = ["GREATER_THAN", "PERCENTAGE", "100", "bank@example.com"]
    })
    error_message = "Nobody is warned, or too late."
  }
}
