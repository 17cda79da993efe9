# `tofu test`: what the module refuses, and what follows from its variables.

provider "aws" {
  region = "us-east-1"
}

variables {
  name                = "bank-test"
  kubernetes_version  = "1.36"
  subnet_ids          = ["subnet-a", "subnet-b", "subnet-c"]
  vpc_cidr            = "10.0.0.0/16"
  public_access_cidrs = []
  admins              = { platform = "arn:aws:iam::123456789012:role/platform" }
  node_groups = {
    graviton = { arch = "arm64", instance_types = ["m7g.large"], min = 3, max = 6 }
    amd64    = { arch = "amd64", instance_types = ["m7i.large"], min = 1, max = 3, spot = true }
  }
  shim = {
    urls   = { arm64 = "https://example.com/arm64.tar.gz", amd64 = "https://example.com/amd64.tar.gz" }
    sha256 = { arm64 = "0000000000000000000000000000000000000000000000000000000000000000", amd64 = "1111111111111111111111111111111111111111111111111111111111111111" }
  }
  zone_id             = "Z1"
  secret_arn          = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a"
  secret_key_arn      = "arn:aws:kms:us-east-1:123456789012:key/a"
  log_days            = 7
  deletion_protection = true
}

run "without_addresses_the_api_server_has_no_public_endpoint" {
  command = plan
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access == false && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "The API server is reached over the Internet."
  }
}

run "nodes_are_of_their_architecture_and_bring_their_own_shim" {
  command = plan
  assert {
    condition     = aws_eks_node_group.this["graviton"].ami_type == "AL2023_ARM_64_STANDARD" && aws_eks_node_group.this["amd64"].ami_type == "AL2023_x86_64_STANDARD"
    error_message = "An image of the other architecture."
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.node["graviton"].user_data), "arm64.tar.gz") && strcontains(base64decode(aws_launch_template.node["amd64"].user_data), "1111111111111111")
    error_message = "A node would get the shim of the other architecture."
  }
  assert {
    condition     = alltrue([for node in aws_launch_template.node : strcontains(base64decode(node.user_data), "\ntrap refuse ERR\ncurl ")])
    error_message = "A node without its shim would join."
  }
  assert {
    condition     = aws_launch_template.node["amd64"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["amd64"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Pods reach the node's role."
  }
}

run "pod_identity_takes_roles_for_clusters_of_this_account_alone" {
  command = plan
  assert {
    condition = alltrue([
      for role in aws_iam_role.pod : jsondecode(role.assume_role_policy).Statement[*].Condition == [{ StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }]
    ])
    error_message = "A cluster of another account may take a role."
  }
}

run "without_a_shim_nodes_start_as_they_come" {
  command = plan
  variables {
    shim = null
  }
  assert {
    condition     = aws_launch_template.node["graviton"].user_data == null && !contains(keys(aws_eks_node_group.this["graviton"].labels), "spin")
    error_message = "A node says that it has a shim."
  }
}

run "the_whole_internet_is_refused" {
  command = plan
  variables {
    public_access_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "half_of_the_internet_is_refused" {
  command = plan
  variables {
    public_access_cidrs = ["192.0.2.0/24", "128.0.0.0/1"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "an_office_is_let_in" {
  command = plan
  variables {
    public_access_cidrs = ["192.0.2.0/24", "198.51.0.0/16"]
  }
  assert {
    condition     = toset(aws_eks_cluster.this.vpc_config[0].public_access_cidrs) == toset(["192.0.2.0/24", "198.51.0.0/16"])
    error_message = "Others, or nobody."
  }
}

run "an_architecture_that_is_none_is_refused" {
  command = plan
  variables {
    node_groups = { other = { arch = "riscv", instance_types = ["x"], min = 1, max = 2 } }
  }
  expect_failures = [var.node_groups]
}

run "more_nodes_at_least_than_at_most_are_refused" {
  command = plan
  variables {
    node_groups = { other = { arch = "amd64", instance_types = ["x"], min = 3, max = 2 } }
  }
  expect_failures = [var.node_groups]
}

run "a_shim_without_its_sum_is_refused" {
  command = plan
  variables {
    shim = { urls = { arm64 = "https://example.com/a", amd64 = "https://example.com/b" }, sha256 = { arm64 = "", amd64 = "" } }
  }
  expect_failures = [var.shim]
}
