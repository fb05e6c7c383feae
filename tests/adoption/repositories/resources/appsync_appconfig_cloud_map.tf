resource "aws_service_discovery_private_dns_namespace" "sd_private" {
  name = "local"
  vpc  = aws_vpc.main.id
}

resource "aws_service_discovery_service" "sd_private" {
  name         = "s"
  namespace_id = aws_service_discovery_private_dns_namespace.sd_private.id
  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.sd_private.id
    dns_records {
      ttl  = 10
      type = "A"
    }
  }
}

resource "aws_appsync_graphql_api" "appsync" {
  name                = "graph"
  authentication_type = "API_KEY"
  schema              = "type Query { hello: String }\nschema { query: Query }"
}

resource "aws_appsync_api_key" "appsync" {
  api_id = aws_appsync_graphql_api.appsync.id
}

resource "aws_appsync_datasource" "appsync" {
  api_id = aws_appsync_graphql_api.appsync.id
  name   = "none"
  type   = "NONE"
}

resource "aws_appsync_resolver" "appsync" {
  api_id            = aws_appsync_graphql_api.appsync.id
  type              = "Query"
  field             = "hello"
  data_source       = aws_appsync_datasource.appsync.name
  request_template  = "{\"version\": \"2018-05-29\", \"payload\": \"hello\"}"
  response_template = "$util.toJson($ctx.result)"
}

resource "aws_appsync_graphql_api" "appsync_fn" {
  name                = "graph2"
  authentication_type = "API_KEY"
  schema              = "type Query { hello: String }\nschema { query: Query }"
}

resource "aws_appsync_datasource" "appsync_fn" {
  api_id = aws_appsync_graphql_api.appsync_fn.id
  name   = "none"
  type   = "NONE"
}

resource "aws_appsync_function" "appsync_fn" {
  api_id                    = aws_appsync_graphql_api.appsync_fn.id
  data_source               = aws_appsync_datasource.appsync_fn.name
  name                      = "f"
  request_mapping_template  = "{\"version\": \"2018-05-29\"}"
  response_mapping_template = "$util.toJson($ctx.result)"
}

resource "aws_appconfig_application" "appconfig" {
  name = "app"
}

resource "aws_appconfig_environment" "appconfig" {
  name           = "prod"
  application_id = aws_appconfig_application.appconfig.id
}

resource "aws_appconfig_configuration_profile" "appconfig" {
  application_id = aws_appconfig_application.appconfig.id
  name           = "flags"
  location_uri   = "hosted"
}

resource "aws_appconfig_hosted_configuration_version" "appconfig" {
  application_id           = aws_appconfig_application.appconfig.id
  configuration_profile_id = aws_appconfig_configuration_profile.appconfig.configuration_profile_id
  content                  = "{}"
  content_type             = "application/json"
}

resource "aws_appconfig_deployment_strategy" "appconfig" {
  name                           = "now"
  deployment_duration_in_minutes = 0
  growth_factor                  = 100
  replicate_to                   = "NONE"
}

resource "aws_appconfig_deployment" "appconfig" {
  application_id           = aws_appconfig_application.appconfig.id
  configuration_profile_id = aws_appconfig_configuration_profile.appconfig.configuration_profile_id
  configuration_version    = aws_appconfig_hosted_configuration_version.appconfig.version_number
  deployment_strategy_id   = aws_appconfig_deployment_strategy.appconfig.id
  environment_id           = aws_appconfig_environment.appconfig.environment_id
}

resource "aws_service_discovery_http_namespace" "sd_http" {
  name = "sd"
}
