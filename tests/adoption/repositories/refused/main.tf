

resource "aws_s3_account_public_access_block" "s3_account" {
  block_public_acls = true
}

resource "aws_s3_bucket" "s3_inventory" {
  bucket        = "resources-s3-inventory"
  force_destroy = true
}

resource "aws_s3_bucket_inventory" "s3_inventory" {
  count = var.what_ends_the_provider ? 1 : 0

  bucket                   = aws_s3_bucket.s3_inventory.id
  name                     = "all"
  included_object_versions = "All"
  schedule {
    frequency = "Daily"
  }
  destination {
    bucket {
      format     = "CSV"
      bucket_arn = aws_s3_bucket.s3_inventory.arn
    }
  }
}

resource "aws_s3_bucket" "s3_ap" {
  bucket        = "resources-s3-ap"
  force_destroy = true
}

resource "aws_s3_access_point" "s3_ap" {
  bucket = aws_s3_bucket.s3_ap.id
  name   = "point"
}

resource "aws_sns_sms_preferences" "sns_sms" {
  default_sms_type = "Transactional"
}

resource "aws_sns_topic" "sns_dp_t" {
  name = "protected"
}

resource "aws_sns_topic_data_protection_policy" "sns_dp" {
  arn    = aws_sns_topic.sns_dp_t.arn
  policy = jsonencode({ Name = "x", Version = "2021-06-01", Statement = [] })
}

resource "aws_schemas_registry" "schemas" {
  name = "r"
}

resource "aws_schemas_schema" "schemas" {
  name          = "s"
  registry_name = aws_schemas_registry.schemas.name
  type          = "OpenApi3"
  content       = jsonencode({ openapi = "3.0.0", info = { version = "1", title = "e" }, paths = {} })
}

resource "aws_cloudwatch_event_bus" "schemas_disc" {
  name = "disc"
}

resource "aws_schemas_discoverer" "schemas_disc" {
  source_arn = aws_cloudwatch_event_bus.schemas_disc.arn
}

resource "aws_ssm_document" "ssm_doc" {
  name          = "doc"
  document_type = "Command"
  content       = jsonencode({ schemaVersion = "2.2", description = "x", mainSteps = [{ action = "aws:runShellScript", name = "a", inputs = { runCommand = ["ls"] } }] })
}

resource "aws_ssm_association" "ssm_assoc" {
  name = "AWS-RunShellScript"
  targets {
    key    = "InstanceIds"
    values = ["*"]
  }
}

resource "aws_ssm_maintenance_window" "ssm_mw" {
  name     = "w"
  schedule = "cron(0 16 ? * TUE *)"
  duration = 3
  cutoff   = 1
}

resource "aws_cloudwatch_query_definition" "log_group" {
  name         = "q"
  query_string = "fields @message"
}

resource "aws_kinesis_stream" "log_dest" {
  name        = "dest"
  shard_count = 1
}

resource "aws_iam_role" "log_dest" {
  name               = "dest"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "logs.amazonaws.com" } }] })
}

resource "aws_cloudwatch_log_destination" "log_dest" {
  name       = "d"
  role_arn   = aws_iam_role.log_dest.arn
  target_arn = aws_kinesis_stream.log_dest.arn
}

resource "aws_cloudwatch_log_destination_policy" "log_dest" {
  destination_name = aws_cloudwatch_log_destination.log_dest.name
  access_policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "logs:PutSubscriptionFilter", Principal = { AWS = "111111111111" }, Resource = aws_cloudwatch_log_destination.log_dest.arn }] })
}

resource "aws_cloudwatch_log_group" "log_dp" {
  name = "/resources/dp"
}

resource "aws_cloudwatch_log_data_protection_policy" "log_dp" {
  log_group_name  = aws_cloudwatch_log_group.log_dp.name
  policy_document = jsonencode({ Name = "x", Version = "2021-06-01", Statement = [{ Sid = "a", DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], Operation = { Audit = { FindingsDestination = {} } } }, { Sid = "b", DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], Operation = { Deidentify = { MaskConfig = {} } } }] })
}

resource "aws_cloudwatch_log_account_policy" "log_account" {
  policy_name     = "x"
  policy_type     = "DATA_PROTECTION_POLICY"
  policy_document = jsonencode({ Name = "x", Version = "2021-06-01", Statement = [{ Sid = "a", DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], Operation = { Audit = { FindingsDestination = {} } } }, { Sid = "b", DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], Operation = { Deidentify = { MaskConfig = {} } } }] })
}

resource "aws_cloudwatch_log_group" "log_anomaly" {
  name = "/resources/an"
}

resource "aws_cloudwatch_log_anomaly_detector" "log_anomaly" {
  detector_name      = "x"
  log_group_arn_list = [aws_cloudwatch_log_group.log_anomaly.arn]
  enabled            = true
}

resource "aws_cloudwatch_metric_stream" "metric_stream" {
  name          = "x"
  role_arn      = "arn:aws:iam::000000000000:role/x"
  firehose_arn  = "arn:aws:firehose:us-east-1:000000000000:deliverystream/x"
  output_format = "json"
}

resource "aws_cloudwatch_contributor_insight_rule" "insight" {
  rule_name       = "x"
  rule_state      = "ENABLED"
  rule_definition = jsonencode({ Schema = { Name = "CloudWatchLogRule", Version = 1 }, AggregateOn = "Count", Contribution = { Filters = [], Keys = ["$.a"] }, LogFormat = "JSON", LogGroupNames = ["/a"] })
}

resource "aws_xray_sampling_rule" "xray" {
  rule_name      = "x"
  priority       = 1000
  version        = 1
  reservoir_size = 1
  fixed_rate     = 0.05
  url_path       = "*"
  host           = "*"
  http_method    = "*"
  service_type   = "*"
  service_name   = "*"
  resource_arn   = "*"
}

resource "aws_xray_group" "xray_group" {
  group_name        = "x"
  filter_expression = "responsetime > 5"
}

resource "aws_default_vpc" "net_default_vpc" {}

resource "aws_default_subnet" "net_default_vpc" {
  availability_zone = "us-east-1a"
}

resource "aws_network_acl" "net_acl" {
  vpc_id = aws_vpc.main.id
}

resource "aws_network_acl_association" "net_acl" {
  network_acl_id = aws_network_acl.net_acl.id
  subnet_id      = aws_subnet.main[0].id
}

resource "aws_vpc_ipv4_cidr_block_association" "net_cidr" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.3.0.0/16"
}

resource "aws_ec2_transit_gateway" "net_tgw" {
  description = "x"
}

resource "aws_ec2_transit_gateway_vpc_attachment" "net_tgw" {
  subnet_ids         = [aws_subnet.main[0].id]
  transit_gateway_id = aws_ec2_transit_gateway.net_tgw.id
  vpc_id             = aws_vpc.main.id
}

resource "aws_key_pair" "instance_k" {
  key_name   = "k"
  public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC3F6tyPEFEzV0LX3X8BsXdMsQz1x2cEikKDEY0aIj41qgxMCP/iteneqXSIFZBp5vizPvaoIR3Um9xK7PGoW8giupGn+EPuxIA4cDM4vzOqOkiMPhz5XK0whEjkVzTo4+S0puvDZuwIsdiW9mxhJc7tgBNL0cYlWSYVkz4G/fslNfRPW5mYAM49f4fhtxPb5ok4Q2Lg9dPKVHO/Bgeu5woMc7RY0p1ej6D4CKFE6lymSDJpW0YHX/wqE9+cfEauh7xZcG0q9t2ta6F6fmX0agvpFyZo8aFbXeUBr7osSCJNgvavWbM/06niWrOvYX2xwWdhXmXSrbX8ZbabVohBK41 a@b"
}

resource "aws_instance" "instance" {
  ami           = "ami-0abcdef1234567890"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.main[0].id
  key_name      = aws_key_pair.instance_k.key_name
}

resource "aws_eip" "instance_i" {
  domain = "vpc"
}

resource "aws_eip_association" "instance_i" {
  instance_id   = aws_instance.instance.id
  allocation_id = aws_eip.instance_i.id
}

resource "aws_rds_cluster" "rds_cluster" {
  cluster_identifier  = "aurora"
  engine              = "aurora-postgresql"
  master_username     = "app"
  master_password     = "secret123"
  skip_final_snapshot = true
}

resource "aws_rds_cluster_instance" "rds_cluster" {
  cluster_identifier = aws_rds_cluster.rds_cluster.id
  instance_class     = "db.serverless"
  engine             = aws_rds_cluster.rds_cluster.engine
}

resource "aws_sns_topic" "rds_events_r" {
  name = "rdsevents"
}

resource "aws_db_event_subscription" "rds_events" {
  name        = "e"
  sns_topic   = aws_sns_topic.rds_events_r.arn
  source_type = "db-instance"
}

resource "aws_redshiftserverless_namespace" "redshift" {
  namespace_name = "nnn"
}

resource "aws_docdb_cluster" "docdb" {
  cluster_identifier  = "doc"
  master_username     = "app"
  master_password     = "secret123"
  skip_final_snapshot = true
}

resource "aws_neptune_cluster" "neptune" {
  cluster_identifier  = "nep"
  skip_final_snapshot = true
}

resource "aws_dax_cluster" "dax" {
  cluster_name       = "dax"
  iam_role_arn       = "arn:aws:iam::000000000000:role/x"
  node_type          = "dax.t3.small"
  replication_factor = 1
}

resource "aws_memorydb_cluster" "memorydb" {
  acl_name  = "open-access"
  name      = "mem"
  node_type = "db.t4g.small"
}

resource "aws_msk_cluster" "msk" {
  cluster_name           = "msk"
  kafka_version          = "3.6.0"
  number_of_broker_nodes = 2
  broker_node_group_info {
    instance_type   = "kafka.t3.small"
    client_subnets  = aws_subnet.main[*].id
    security_groups = []
  }
}

resource "aws_ecr_registry_scanning_configuration" "ecr_scan" {
  scan_type = "BASIC"
}

resource "aws_ecr_pull_through_cache_rule" "ecr_pull" {
  ecr_repository_prefix = "ecr-public"
  upstream_registry_url = "public.ecr.aws"
}

resource "aws_ecr_replication_configuration" "ecr_repl" {
  replication_configuration {
    rule {
      destination {
        region      = "eu-west-1"
        registry_id = "000000000000"
      }
    }
  }
}

resource "aws_cognito_user_pool" "cognito_risk" {
  name = "risk"
}

resource "aws_cognito_risk_configuration" "cognito_risk" {
  user_pool_id = aws_cognito_user_pool.cognito_risk.id
  risk_exception_configuration {
    blocked_ip_range_list = ["10.10.10.10/32"]
  }
}

resource "aws_route53_resolver_rule" "r53_resolver" {
  domain_name = "sub.example.com"
  rule_type   = "SYSTEM"
}

resource "aws_route53_delegation_set" "r53_set" {
  reference_name = "x"
}

resource "aws_route53_zone" "r53_qlog_q" {
  name = "q.example.com"
}

resource "aws_cloudwatch_log_group" "r53_qlog_q" {
  name = "/aws/route53/q"
}

resource "aws_route53_query_log" "r53_qlog" {
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.r53_qlog_q.arn
  zone_id                  = aws_route53_zone.r53_qlog_q.zone_id
}

resource "aws_cloudfront_origin_access_identity" "cloudfront" {
  comment = "x"
}

resource "aws_cloudfront_key_value_store" "cf_kvs" {
  name = "kvs"
}

resource "aws_wafv2_web_acl" "waf_log" {
  name  = "aclc"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "m"
    sampled_requests_enabled   = false
  }
}

resource "aws_cloudwatch_log_group" "waf_log_w" {
  name = "aws-waf-logs-x"
}

resource "aws_wafv2_web_acl_logging_configuration" "waf_log" {
  log_destination_configs = [aws_cloudwatch_log_group.waf_log_w.arn]
  resource_arn            = aws_wafv2_web_acl.waf_log.arn
}

resource "aws_ses_domain_identity" "ses_mailfrom" {
  domain = "b.example.com"
}

resource "aws_ses_domain_mail_from" "ses_mailfrom" {
  domain           = aws_ses_domain_identity.ses_mailfrom.domain
  mail_from_domain = "bounce.b.example.com"
}

resource "aws_ses_configuration_set" "ses_dest" {
  name = "cs"
}

resource "aws_ses_event_destination" "ses_dest" {
  name                   = "d"
  configuration_set_name = aws_ses_configuration_set.ses_dest.name
  enabled                = true
  matching_types         = ["bounce"]
  cloudwatch_destination {
    default_value  = "x"
    dimension_name = "d"
    value_source   = "emailHeader"
  }
}

resource "aws_ses_domain_identity" "ses_policy" {
  domain = "d.example.com"
}

resource "aws_ses_identity_policy" "ses_policy" {
  identity = aws_ses_domain_identity.ses_policy.arn
  name     = "p"
  policy   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "ses:SendEmail", Principal = { AWS = "000000000000" }, Resource = aws_ses_domain_identity.ses_policy.arn }] })
}

resource "aws_ses_domain_identity" "ses_notif_e" {
  domain = "e.example.com"
}

resource "aws_sns_topic" "ses_notif_s" {
  name = "bounces"
}

resource "aws_ses_identity_notification_topic" "ses_notif" {
  topic_arn         = aws_sns_topic.ses_notif_s.arn
  notification_type = "Bounce"
  identity          = aws_ses_domain_identity.ses_notif_e.domain
}

resource "aws_sesv2_contact_list" "sesv2_contact" {
  contact_list_name = "people"
}

resource "aws_opensearchserverless_security_policy" "opensearchserverless" {
  name   = "enc"
  type   = "encryption"
  policy = jsonencode({ Rules = [{ Resource = ["collection/x"], ResourceType = "collection" }], AWSOwnedKey = true })
}

resource "aws_bedrock_guardrail" "bedrock" {
  name                      = "g"
  blocked_input_messaging   = "no"
  blocked_outputs_messaging = "no"
  word_policy_config {
    words_config {
      text = "x"
    }
  }
}

resource "aws_amplify_app" "amplify" {
  name = "a"
}

resource "aws_synthetics_group" "synthetics" {
  name = "g"
}

resource "aws_rum_app_monitor" "rum" {
  name   = "r"
  domain = "localhost"
}

resource "aws_guardduty_detector" "guardduty" {
  enable = true
}

resource "aws_chatbot_slack_channel_configuration" "chatbot" {
  configuration_name = "c"
  iam_role_arn       = "arn:aws:iam::000000000000:role/x"
  slack_channel_id   = "C07EZ1ABC23"
  slack_team_id      = "T07EA123LEP"
}

resource "aws_timestreamwrite_database" "timestream" {
  database_name = "tsdb"
}

resource "aws_verifiedpermissions_policy_store" "vperm" {
  validation_settings {
    mode = "OFF"
  }
}

resource "aws_glue_registry" "glue_reg" {
  registry_name = "r"
}

resource "aws_glue_schema" "glue_reg" {
  schema_name       = "s"
  registry_arn      = aws_glue_registry.glue_reg.arn
  data_format       = "AVRO"
  compatibility     = "NONE"
  schema_definition = jsonencode({ type = "record", name = "r", fields = [{ name = "a", type = "int" }] })
}

resource "aws_vpclattice_service_network" "vpclattice" {
  name = "nnn"
}

resource "aws_sagemaker_endpoint_configuration" "sagemaker" {
  name = "e"
  production_variants {
    variant_name           = "v"
    model_name             = "m"
    initial_instance_count = 1
    instance_type          = "ml.t2.medium"
  }
}

resource "aws_servicecatalogappregistry_application" "servicecatalog" {
  name = "app"
}

resource "aws_organizations_organization" "orgs" {}

resource "aws_location_place_index" "location" {
  index_name  = "i"
  data_source = "Esri"
}

resource "aws_macie2_account" "macie" {}

resource "aws_securityhub_account" "securityhub" {}

resource "aws_accessanalyzer_analyzer" "accessanalyzer" {
  analyzer_name = "a"
}

resource "aws_ce_anomaly_monitor" "ce" {
  name              = "m"
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}

resource "aws_grafana_workspace" "grafana" {
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["SAML"]
  permission_type          = "SERVICE_MANAGED"
}

resource "aws_codeartifact_domain" "codeartifact" {
  domain = "d"
}

resource "aws_codecommit_repository" "codecommit" {
  repository_name = "c"
}

resource "aws_codestarconnections_connection" "codestar" {
  name          = "c"
  provider_type = "GitHub"
}

resource "aws_apprunner_auto_scaling_configuration_version" "apprunner" {
  auto_scaling_configuration_name = "a"
}

resource "aws_fis_experiment_template" "qldb" {
  description = "x"
  role_arn    = "arn:aws:iam::000000000000:role/x"
  stop_condition {
    source = "none"
  }
  action {
    name      = "a"
    action_id = "aws:fis:wait"
    parameter {
      key   = "duration"
      value = "PT1M"
    }
  }
}

resource "aws_evidently_project" "mwaa_" {
  name = "e"
}

resource "aws_elb" "elb" {
  name               = "classic"
  availability_zones = ["us-east-1a"]
  listener {
    instance_port     = 80
    instance_protocol = "http"
    lb_port           = 80
    lb_protocol       = "http"
  }
}

resource "aws_elastic_beanstalk_application" "beanstalk" {
  name = "b"
}

resource "aws_lakeformation_resource" "lakeformation" {
  arn                     = "arn:aws:s3:::x"
  use_service_linked_role = true
}

resource "aws_s3tables_table_bucket" "s3tables" {
  name = "tables"
}

resource "aws_s3control_access_grants_instance" "s3control" {}

resource "aws_ram_resource_share" "ram" {
  name = "r"
}

resource "aws_networkfirewall_rule_group" "shield" {
  capacity = 10
  name     = "r"
  type     = "STATELESS"
  rule_group {
    rules_source {
      stateless_rules_and_custom_actions {
        stateless_rule {
          priority = 1
          rule_definition {
            actions = ["aws:pass"]
            match_attributes {
              source {
                address_definition = "1.2.3.4/32"
              }
            }
          }
        }
      }
    }
  }
}

resource "aws_pinpoint_app" "pinpoint" {
  name = "p"
}

resource "aws_appconfig_extension" "appflow" {
  name = "x"
  action_point {
    point = "ON_DEPLOYMENT_COMPLETE"
    action {
      name     = "a"
      role_arn = "arn:aws:iam::000000000000:role/x"
      uri      = "arn:aws:sns:us-east-1:000000000000:x"
    }
  }
}

resource "aws_iam_role" "codepipeline_r" {
  name = "resources-codepipeline"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_codedeploy_app" "codepipeline" {
  name             = "cd"
  compute_platform = "Lambda"
}

resource "aws_codedeploy_deployment_group" "codepipeline" {
  app_name               = aws_codedeploy_app.codepipeline.name
  deployment_group_name  = "g"
  service_role_arn       = aws_iam_role.codepipeline_r.arn
  deployment_config_name = "CodeDeployDefault.LambdaAllAtOnce"
  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }
}

resource "aws_batch_job_definition" "batch" {
  name                 = "j"
  type                 = "container"
  container_properties = jsonencode({ image = "busybox", command = ["ls"], resourceRequirements = [{ type = "VCPU", value = "1" }, { type = "MEMORY", value = "512" }] })
}

resource "aws_config_configuration_recorder" "config" {
  name     = "c"
  role_arn = "arn:aws:iam::000000000000:role/x"
}

resource "aws_codebuild_project" "codebuild" {
  name         = "cb"
  service_role = "arn:aws:iam::000000000000:role/none"
  artifacts {
    type = "NO_ARTIFACTS"
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
    type         = "LINUX_CONTAINER"
  }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2"
  }
}

resource "aws_secretsmanager_secret_rotation" "secret_rotation_rot" {
  secret_id           = aws_secretsmanager_secret.rotated.id
  rotation_lambda_arn = "arn:aws:lambda:us-east-1:000000000000:function:none"
  rotation_rules {
    automatically_after_days = 30
  }
}

resource "aws_secretsmanager_secret" "rotated" {
  name = "rotated"
}
