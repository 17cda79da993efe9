# The repository of the application's images. Images are scanned when they are pushed. A tag always names the same image.

resource "aws_kms_key" "this" {
  #checkov:skip=CKV2_AWS_64:KMS' own policy is meant: the account's IAM says who may use it
  description         = "Images of ${var.name}"
  enable_key_rotation = true
}

resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

# Images with a tag never expire: after that the tag could be pushed again, with another image.
resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Untagged images expire after a week"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
    ]
  })
}
