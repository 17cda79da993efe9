# `tofu test`: what cloud/README.md says about the registry.

provider "aws" {
  region = "us-east-1"
}

variables {
  name = "money-bank"
}

run "a_tag_is_not_overwritten_and_each_image_is_scanned" {
  command = plan
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag may be pushed again."
  }
  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images are not scanned."
  }
  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "KMS"
    error_message = "Images are not encrypted with the account's own key."
  }
}

run "images_with_a_tag_never_expire" {
  command = plan
  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this.policy).rules[*].selection.tagStatus == ["untagged"]
    error_message = "Images with a tag expire."
  }
}
