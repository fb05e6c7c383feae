# The packages: in a bucket of their own, under keys that name their content. The provider waits for functions one after
# the other when it uploads their code itself, and for all at once when the code lies in S3.

locals {
  # Where `staticfire` builds the packages. Relative, so that the path is the same wherever the project lies.
  build = "${path.root}/../../../.staticfire/build"
  zips  = toset(concat(["layer"], var.schema[*].package, [for function in var.functions : function.package]))
  names = var.image == null ? local.zips : toset([])
  paths = { for name in local.names : name => lookup(var.packages, name, "${local.build}/${name}.zip") }
}

resource "aws_s3_bucket" "artifacts" {
  bucket_prefix = "${substr(var.name, 0, 26)}-artifacts-"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "package" {
  for_each = local.paths

  bucket      = aws_s3_bucket.artifacts.id
  key         = "${each.key}/${filesha256(each.value)}.zip"
  source      = each.value
  source_hash = filesha256(each.value)
}

resource "aws_lambda_layer_version" "this" {
  count = var.image == null ? 1 : 0

  layer_name          = var.name
  description         = "What the functions share."
  s3_bucket           = aws_s3_object.package["layer"].bucket
  s3_key              = aws_s3_object.package["layer"].key
  source_code_hash    = filebase64sha256(local.paths["layer"])
  compatible_runtimes = [local.settings.runtime]
}

moved {
  from = aws_lambda_layer_version.this
  to   = aws_lambda_layer_version.this[0]
}
