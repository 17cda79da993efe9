# `tofu test`: what makes another password.

provider "aws" {
  region = "us-east-1"
}

variables {
  name                     = "bank-test"
  service                  = "Valkey"
  vpc_id                   = "vpc-a"
  client_security_group_id = "sg-a"
  user                     = ""
  address                  = "store.example.com"
  rotation                 = 2
}

run "another_number_is_another_password" {
  command = plan
  assert {
    condition     = random_password.this.keepers == tomap({ rotation = "2" })
    error_message = "The password would stay."
  }
}
