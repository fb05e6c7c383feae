resource "aws_ses_email_identity" "ses" {
  email = "ops@example.com"
}

resource "aws_ses_domain_identity" "ses" {
  domain = "example.com"
}

resource "aws_ses_domain_dkim" "ses" {
  domain = aws_ses_domain_identity.ses.domain
}

resource "aws_ses_template" "ses" {
  name    = "welcome"
  subject = "hello"
  text    = "hello"
}

resource "aws_ses_configuration_set" "ses" {
  name = "resources"
}

resource "aws_sesv2_email_identity" "ses" {
  email_identity = "v2@example.com"
}

resource "aws_sesv2_configuration_set" "ses" {
  configuration_set_name = "resources-v2"
}

resource "aws_ses_domain_identity" "ses_mailfrom" {
  domain = "b.example.com"
}

resource "aws_ses_receipt_rule_set" "ses_rules" {
  rule_set_name = "rs"
}

resource "aws_ses_active_receipt_rule_set" "ses_rules" {
  rule_set_name = aws_ses_receipt_rule_set.ses_rules.rule_set_name
}

resource "aws_ses_receipt_rule" "ses_rules" {
  name          = "r"
  rule_set_name = aws_ses_receipt_rule_set.ses_rules.rule_set_name
  recipients    = ["a@example.com"]
  enabled       = true
}

resource "aws_ses_configuration_set" "ses_dest" {
  name = "cs"
}

resource "aws_ses_domain_identity" "ses_verif" {
  domain = "c.example.com"
}

resource "aws_ses_domain_identity_verification" "ses_verif" {
  domain = aws_ses_domain_identity.ses_verif.id
}

resource "aws_ses_domain_identity" "ses_policy" {
  domain = "d.example.com"
}

resource "aws_ses_domain_identity" "ses_notif_e" {
  domain = "e.example.com"
}

resource "aws_sesv2_configuration_set" "sesv2_dest" {
  configuration_set_name = "cs2"
}

resource "aws_sesv2_configuration_set_event_destination" "sesv2_dest" {
  configuration_set_name = aws_sesv2_configuration_set.sesv2_dest.configuration_set_name
  event_destination_name = "x"
  event_destination {
    enabled              = true
    matching_event_types = ["SEND"]
    cloud_watch_destination {
      dimension_configuration {
        default_dimension_value = "a"
        dimension_name          = "b"
        dimension_value_source  = "MESSAGE_TAG"
      }
    }
  }
}
