resource "aws_athena_workgroup" "athena" {
  name          = "w"
  force_destroy = true
}

resource "aws_glue_catalog_database" "athena" {
  name = "lake"
}

resource "aws_glue_catalog_table" "athena" {
  name          = "t"
  database_name = aws_glue_catalog_database.athena.name
}

resource "aws_athena_named_query" "athena" {
  name      = "q"
  workgroup = aws_athena_workgroup.athena.id
  database  = aws_glue_catalog_database.athena.name
  query     = "SELECT 1"
}

resource "aws_athena_data_catalog" "athena_cat" {
  name        = "cat"
  description = "x"
  type        = "LAMBDA"
  parameters  = { function = "arn:aws:lambda:us-east-1:000000000000:function:x" }
}

resource "aws_athena_workgroup" "athena_ps_p" {
  name = "wp"
}

resource "aws_athena_prepared_statement" "athena_ps" {
  name            = "ps"
  workgroup       = aws_athena_workgroup.athena_ps_p.name
  query_statement = "SELECT 1"
}

resource "aws_iot_thing" "iot" {
  name = "thing"
}

resource "aws_iot_topic_rule" "iot" {
  name        = "r"
  enabled     = true
  sql         = "SELECT * FROM 'a'"
  sql_version = "2016-03-23"
}

resource "aws_glue_job" "glue" {
  name     = "j"
  role_arn = aws_iam_role.glue_r.arn
  command {
    script_location = "s3://x/y.py"
  }
}

resource "aws_glue_catalog_database" "glue" {
  name = "gdb"
}

resource "aws_glue_crawler" "glue" {
  name          = "c"
  role          = aws_iam_role.glue_r.arn
  database_name = aws_glue_catalog_database.glue.name
  s3_target {
    path = "s3://x"
  }
}

resource "aws_glue_trigger" "glue" {
  name = "t"
  type = "ON_DEMAND"
  actions {
    job_name = aws_glue_job.glue.name
  }
}
