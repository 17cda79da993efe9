# The bucket for exports and backups: encrypted, versioned, over TLS only, not public.

data "aws_caller_identity" "here" {}

data "aws_region" "here" {}

resource "aws_kms_key" "this" {
  #checkov:skip=CKV2_AWS_64:KMS' own policy is meant: the account's IAM says who may use it
  description         = "Exports of ${var.name}"
  enable_key_rotation = true
}

#trivy:ignore:AWS-0089 reads are not logged until you turn on CloudTrail's data events, which log them for all buckets of an account
resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV2_AWS_62:nothing waits for an export
  #checkov:skip=CKV_AWS_18:reads are not logged until you turn on CloudTrail's data events, which log them for all buckets of an account
  #checkov:skip=CKV_AWS_144:an export is already a copy; add a second region only if you must have one
  bucket = "${var.name}-exports-${data.aws_caller_identity.here.account_id}-${data.aws_region.here.region}"
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}

    transition {
      days          = 30
      storage_class = "STANDARD_IA"
    }
    expiration {
      days = var.kept_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OverTlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
  depends_on = [aws_s3_bucket_public_access_block.this]
}
