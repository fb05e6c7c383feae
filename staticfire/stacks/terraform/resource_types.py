"""What becomes here of each resource type of Terraform's AWS provider: it runs, is described only, or is refused.

Found by asking the emulator with applies of each type (tests/adoption/repositories/resources and /refused), not by
reading its list of services. docs/services-of-aws.md is written from this table (`make services`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter

AWS = "aws_"


class Fate(Enum):
    """What becomes of a resource."""

    RUNS = "runs"  # it does its work here
    DESCRIBED = "described only"  # it is made, read, changed and destroyed, and nothing follows from it
    REFUSED = "refused"  # it cannot be made


@dataclass(frozen=True)
class ResourceType:
    """One type. `note`: what is less than on AWS, what happens instead; `needs`: the setting that has it run;
    `restless`: the next apply changes it once more, since the emulator does not tell all of it."""

    fate: Fate
    note: str = ""
    needs: str = ""
    restless: bool = False


Rows = Iterator[tuple[str, ResourceType]]


def _runs(names: str, note: str = "") -> Rows:
    return _rows(names, ResourceType(Fate.RUNS, note))


def _described(names: str, note: str = "Nothing is known to follow from it here", needs: str = "") -> Rows:
    return _rows(names, ResourceType(Fate.DESCRIBED, note, needs))


def _restless(names: str, note: str = "Nothing is known to follow from it here") -> Rows:
    return _rows(names, ResourceType(Fate.DESCRIBED, note, restless=True))


def _refused(names: str, note: str) -> Rows:
    return _rows(names, ResourceType(Fate.REFUSED, note))


def _rows(names: str, row: ResourceType) -> Rows:
    for name in names.split():
        yield AWS + name, row


NO_SERVICE = "the emulator does not have this service"
NO_OPERATION = "the emulator does not have this operation"
POLICY = "Nobody is refused by it"
ROLE = "What it allows is looked at where IAM is enforced alone: `enforce_iam = true`"
NETWORK = "Functions and databases are on this machine's own network"
NO_NAME = "Its name does not lead here: use the address that `up` prints"
ADDRESS = "the API is asked at a host name that does not exist here"
NOT_READ = "Terraform does not take what the emulator answers"
NO_SERVER = "There is not a server behind it"

SERVICES: Mapping[str, tuple[Rows, ...]] = {
    "Lambda": (
        _runs(
            "lambda_function lambda_alias lambda_permission lambda_layer_version lambda_event_source_mapping "
            "lambda_function_event_invoke_config lambda_invocation lambda_function_url"
        ),
        _described("lambda_layer_version_permission", "There is not another account that would ask"),
        _runs(
            "lambda_provisioned_concurrency_config",
            "At most eight execution environments a processor are kept in advance, of all functions together",
        ),
        _described("lambda_runtime_management_config", "The runtime is this machine's Python"),
        _described("lambda_function_recursion_config", "A function that calls itself is not ended"),
        _described("lambda_code_signing_config", "No signature is checked"),
        _described("signer_signing_profile", "Nothing is signed"),
    ),
    "API Gateway, HTTP and WebSocket APIs": (
        _runs(
            "apigatewayv2_api apigatewayv2_integration apigatewayv2_route apigatewayv2_stage apigatewayv2_deployment "
            "apigatewayv2_authorizer"
        ),
        _runs(
            "apigatewayv2_domain_name apigatewayv2_api_mapping",
            "Its name does not lead here: say it in the Host header",
        ),
        _described("apigatewayv2_vpc_link", "Nothing here leads into a VPC: what uses it answers 501"),
        _runs("apigatewayv2_route_response apigatewayv2_integration_response apigatewayv2_model"),
    ),
    "API Gateway, REST APIs": (
        _runs(
            "api_gateway_rest_api api_gateway_rest_api_policy api_gateway_resource api_gateway_method "
            "api_gateway_integration api_gateway_method_response api_gateway_integration_response "
            "api_gateway_deployment api_gateway_stage api_gateway_method_settings api_gateway_authorizer "
            "api_gateway_request_validator api_gateway_model api_gateway_gateway_response api_gateway_api_key "
            "api_gateway_usage_plan api_gateway_usage_plan_key api_gateway_documentation_part "
            "api_gateway_documentation_version"
        ),
        _runs(
            "api_gateway_domain_name api_gateway_base_path_mapping",
            "Its name does not lead here: say it in the Host header",
        ),
        _described("api_gateway_account", "Logs are written without its role"),
        _described("api_gateway_client_certificate", "It is a real one; no backend is shown it"),
        _described("api_gateway_vpc_link", "Nothing here leads into a VPC"),
    ),
    "DynamoDB": (
        _runs("dynamodb_table dynamodb_table_item dynamodb_tag"),
        _described("dynamodb_kinesis_streaming_destination dynamodb_table_export"),
        _described("dynamodb_resource_policy", POLICY),
        _described("dynamodb_contributor_insights", "Nothing is counted"),
        _refused("dax_cluster", NO_SERVICE),
    ),
    "S3": (
        _runs(
            "s3_bucket s3_object s3_bucket_object s3_object_copy s3_bucket_notification s3_bucket_versioning "
            "s3_bucket_cors_configuration"
        ),
        _described("s3_bucket_public_access_block s3_bucket_ownership_controls s3_bucket_acl s3_bucket_policy", POLICY),
        _described("s3_bucket_server_side_encryption_configuration", "Objects lie on this machine as they are"),
        _described("s3_bucket_lifecycle_configuration", "Objects stay where they are"),
        _restless("s3_bucket_intelligent_tiering_configuration", "Objects stay where they are"),
        _described(
            "s3_bucket_website_configuration s3_bucket_logging s3_bucket_accelerate_configuration s3_bucket_metric "
            "s3_bucket_analytics_configuration s3_bucket_object_lock_configuration s3_bucket_replication_configuration"
        ),
        _restless("s3_bucket_request_payment_configuration"),
        _refused("s3_bucket_inventory", "the answer of the emulator ends Terraform's provider"),
        _refused("s3_account_public_access_block s3_access_point s3control_access_grants_instance", ADDRESS),
        _refused("s3tables_table_bucket", NOT_READ),
    ),
    "SQS and SNS": (
        _runs("sqs_queue sqs_queue_redrive_policy sqs_queue_redrive_allow_policy sns_topic sns_topic_subscription"),
        _described("sqs_queue_policy sns_topic_policy", POLICY),
        _described("sns_platform_application", "Nothing is sent to a phone"),
        _refused("sns_sms_preferences sns_topic_data_protection_policy", NO_OPERATION),
    ),
    "EventBridge": (
        _runs(
            "cloudwatch_event_bus cloudwatch_event_rule cloudwatch_event_target scheduler_schedule "
            "scheduler_schedule_group pipes_pipe"
        ),
        _described("cloudwatch_event_archive cloudwatch_event_connection cloudwatch_event_api_destination"),
        _described("cloudwatch_event_permission", POLICY),
        _restless("cloudwatch_event_bus_policy", POLICY),
        _described("cloudwatch_event_endpoint", "There is not a second region to fail over to"),
        _refused("schemas_registry schemas_schema schemas_discoverer", NO_SERVICE),
    ),
    "Step Functions": (_runs("sfn_state_machine sfn_alias sfn_activity"),),
    "Kinesis": (
        _runs("kinesis_stream"),
        _described("kinesis_stream_consumer"),
        _restless("kinesis_firehose_delivery_stream"),
        _described("kinesis_resource_policy", POLICY),
    ),
    "IAM": (
        _runs("iam_role"),
        _described(
            "iam_policy iam_role_policy iam_role_policy_attachment iam_policy_attachment iam_role_policies_exclusive "
            "iam_role_policy_attachments_exclusive",
            ROLE,
            needs="enforce_iam",
        ),
        _described(
            "iam_user iam_access_key iam_user_policy iam_user_policy_attachment iam_user_login_profile iam_group "
            "iam_group_policy iam_group_policy_attachment iam_group_membership iam_user_group_membership",
            "An access key here is an account, and may do everything in it",
        ),
        _described("iam_instance_profile", NO_SERVER),
        _described("iam_openid_connect_provider iam_saml_provider iam_account_alias iam_account_password_policy"),
        _restless("iam_service_linked_role"),
        _refused("accessanalyzer_analyzer verifiedpermissions_policy_store", NO_SERVICE),
    ),
    "Cognito": (
        _runs("cognito_user_pool cognito_user_pool_client cognito_user cognito_user_group cognito_user_in_group"),
        _described("cognito_user_pool_domain cognito_user_pool_ui_customization", NO_NAME),
        _described(
            "cognito_resource_server cognito_identity_provider cognito_identity_pool "
            "cognito_identity_pool_roles_attachment"
        ),
        _refused("cognito_risk_configuration", NO_OPERATION),
    ),
    "KMS, Secrets Manager, Systems Manager": (
        _runs("kms_key kms_alias kms_ciphertext secretsmanager_secret secretsmanager_secret_version ssm_parameter"),
        _described("kms_grant kms_key_policy secretsmanager_secret_policy", POLICY),
        _described("kms_replica_key kms_external_key ssm_service_setting"),
        _refused("ssm_document ssm_association ssm_maintenance_window", NO_OPERATION),
    ),
    "CloudWatch and X-Ray": (
        _runs("cloudwatch_log_group cloudwatch_log_stream cloudwatch_metric_alarm"),
        _described(
            "cloudwatch_composite_alarm", "Nothing follows from its state: from aws_cloudwatch_metric_alarm's, it does"
        ),
        _described("cloudwatch_log_metric_filter cloudwatch_log_subscription_filter"),
        _described("cloudwatch_log_resource_policy", POLICY),
        _restless("cloudwatch_log_delivery_destination"),
        _described("cloudwatch_dashboard", "Nobody draws it"),
        _refused("cloudwatch_log_destination cloudwatch_log_destination_policy", NOT_READ),
        _refused(
            "cloudwatch_query_definition cloudwatch_log_account_policy cloudwatch_log_data_protection_policy "
            "cloudwatch_log_anomaly_detector cloudwatch_metric_stream cloudwatch_contributor_insight_rule",
            NO_OPERATION,
        ),
        _refused("xray_sampling_rule xray_group synthetics_group rum_app_monitor evidently_project", NO_SERVICE),
    ),
    "VPC, EC2, load balancers": (
        _described(
            "vpc subnet internet_gateway nat_gateway eip route_table route route_table_association security_group "
            "security_group_rule vpc_security_group_ingress_rule vpc_security_group_egress_rule vpc_endpoint "
            "vpc_endpoint_route_table_association default_security_group default_route_table default_network_acl "
            "network_acl network_acl_rule network_interface vpc_dhcp_options vpc_dhcp_options_association "
            "vpc_peering_connection egress_only_internet_gateway ec2_managed_prefix_list",
            NETWORK,
        ),
        _restless("flow_log", NETWORK),
        _restless("autoscaling_policy", NO_SERVER),
        _described(
            "instance ebs_volume volume_attachment key_pair launch_template autoscaling_group",
            NO_SERVER,
        ),
        _described("lb lb_target_group lb_listener lb_listener_rule lb_target_group_attachment", NO_NAME),
        _refused("network_acl_association eip_association", NOT_READ),
        _refused(
            "default_vpc default_subnet vpc_ipv4_cidr_block_association ec2_transit_gateway "
            "ec2_transit_gateway_vpc_attachment",
            NO_OPERATION,
        ),
        _refused("elb", "classic load balancers cannot be made here"),
        _refused("vpclattice_service_network networkfirewall_rule_group ram_resource_share", NO_SERVICE),
    ),
    "RDS": (
        _runs("db_instance"),
        _described(
            "db_subnet_group db_parameter_group db_option_group db_proxy db_proxy_default_target_group "
            "rds_cluster_parameter_group rds_global_cluster"
        ),
        _refused(
            "rds_cluster rds_cluster_instance docdb_cluster neptune_cluster",
            "one PostgreSQL server is here: use aws_db_instance with the engine `postgres`",
        ),
        _refused("db_event_subscription", NO_OPERATION),
        _refused("redshiftserverless_namespace", NO_SERVICE),
    ),
    "Containers": (
        _runs("ecr_repository ecr_lifecycle_policy"),
        _described("ecr_repository_policy", POLICY),
        _refused(
            "ecr_pull_through_cache_rule ecr_registry_scanning_configuration ecr_replication_configuration",
            NO_OPERATION,
        ),
        _described("ecs_cluster ecs_cluster_capacity_providers ecs_task_definition", NO_SERVER),
        _restless("ecs_service", NO_SERVER),
        _described("eks_cluster", NO_SERVER),
        _refused("apprunner_auto_scaling_configuration_version elastic_beanstalk_application", NO_SERVICE),
    ),
    "Files and caches": (
        _described("efs_file_system efs_mount_target efs_backup_policy", "Functions do not mount it"),
        _restless("efs_access_point", "Functions do not mount it"),
        _restless("efs_file_system_policy", POLICY),
        _described("elasticache_subnet_group elasticache_user elasticache_user_group", NO_SERVER),
        _restless("elasticache_parameter_group elasticache_cluster", NO_SERVER),
        _refused("memorydb_cluster", NO_SERVICE),
    ),
    "Names and the edge of the network": (
        _described("route53_zone route53_record route53_health_check route53_zone_association", "No name leads here"),
        _refused("route53_delegation_set route53_query_log", NO_OPERATION),
        _refused("route53_resolver_rule", NO_SERVICE),
        _described("acm_certificate acm_certificate_validation", "The edge speaks plain HTTP"),
        _described(
            "cloudfront_distribution cloudfront_function cloudfront_cache_policy cloudfront_origin_access_control "
            "cloudfront_origin_request_policy",
            NO_NAME,
        ),
        _restless("cloudfront_response_headers_policy", NO_NAME),
        _refused("cloudfront_origin_access_identity", NO_OPERATION),
        _refused("cloudfront_key_value_store", NOT_READ),
        _described(
            "wafv2_web_acl wafv2_web_acl_association wafv2_ip_set wafv2_rule_group wafv2_regex_pattern_set", POLICY
        ),
        _refused("wafv2_web_acl_logging_configuration", NO_OPERATION),
    ),
    "SES": (
        _described(
            "ses_email_identity ses_domain_identity ses_domain_dkim ses_domain_identity_verification "
            "sesv2_email_identity",
            "Mail is kept for `staticfire mail`, whoever sends it",
        ),
        _described("ses_template ses_configuration_set sesv2_configuration_set"),
        _described("sesv2_configuration_set_event_destination"),
        _described("ses_receipt_rule_set ses_receipt_rule ses_active_receipt_rule_set", "No mail comes in"),
        _refused(
            "ses_domain_mail_from ses_event_destination ses_identity_policy ses_identity_notification_topic "
            "sesv2_contact_list",
            NO_OPERATION,
        ),
        _refused("pinpoint_app", NO_SERVICE),
    ),
    "AppSync, AppConfig, Cloud Map": (
        _described("appsync_graphql_api appsync_api_key appsync_datasource appsync_resolver appsync_function"),
        _described(
            "appconfig_application appconfig_environment appconfig_configuration_profile appconfig_deployment "
            "appconfig_deployment_strategy appconfig_hosted_configuration_version"
        ),
        _refused("appconfig_extension", NO_OPERATION),
        _described(
            "service_discovery_http_namespace service_discovery_private_dns_namespace service_discovery_service",
            "No name leads here",
        ),
        _refused("amplify_app", NO_SERVICE),
    ),
    "Data": (
        _described("athena_named_query athena_data_catalog athena_prepared_statement"),
        _described("glue_catalog_database glue_job"),
        _restless("glue_catalog_table glue_crawler glue_trigger athena_workgroup"),
        _refused("glue_registry glue_schema", NO_OPERATION),
        _refused("timestreamwrite_database sagemaker_endpoint_configuration lakeformation_resource", NO_SERVICE),
        _refused("opensearchserverless_security_policy bedrock_guardrail", NOT_READ),
        _refused("msk_cluster", NO_OPERATION),
        _described("iot_thing iot_topic_rule"),
        _refused("location_place_index", ADDRESS),
    ),
    "Scaling, builds, accounts": (
        _described("appautoscaling_target appautoscaling_policy appautoscaling_scheduled_action", "Nothing scales"),
        _runs("cloudformation_stack"),
        _refused(
            "codebuild_project batch_job_definition config_configuration_recorder secretsmanager_secret_rotation",
            "it can be made and not be destroyed",
        ),
        _described("cloudtrail budgets_budget", "Nothing is written down"),
        _described("backup_vault backup_plan resourcegroups_group"),
        _refused("organizations_organization", NO_OPERATION),
        _refused(
            "codecommit_repository codedeploy_app codedeploy_deployment_group codeartifact_domain "
            "codestarconnections_connection ce_anomaly_monitor chatbot_slack_channel_configuration "
            "fis_experiment_template grafana_workspace guardduty_detector macie2_account securityhub_account "
            "servicecatalogappregistry_application",
            NO_SERVICE,
        ),
    ),
}

BY_SERVICE: Mapping[str, Mapping[str, ResourceType]] = {
    service: dict(sorted((row for rows in groups for row in rows), key=itemgetter(0)))
    for service, groups in SERVICES.items()
}
TABLE: Mapping[str, ResourceType] = {name: row for rows in BY_SERVICE.values() for name, row in rows.items()}
