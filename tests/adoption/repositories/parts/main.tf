provider "aws" {
  region  = "us-east-1"
  profile = "company"

  default_tags {
    tags = { Repository = "parts" }
  }
}

module "aliases" {
  source = "./aliases"
}

module "authorizers" {
  source = "./authorizers"
}

module "blocks" {
  source = "./blocks"
}

module "bus" {
  source = "./bus"
}

module "deployment" {
  source = "./deployment"
}

module "keys" {
  source = "./keys"
}

module "later" {
  source = "./later"
}

module "layer" {
  source = "./layer"
}

module "lookups" {
  source = "./lookups"
}

module "machine" {
  source = "./machine"
}

module "network" {
  source = "./network"
}

module "observed" {
  source = "./observed"
}

module "package_program" {
  source = "./package_program"
}

module "pipe" {
  source = "./pipe"
}

module "queue" {
  source = "./queue"
}

module "schedule" {
  source = "./schedule"
}

module "secrets" {
  source = "./secrets"
}

module "stream" {
  source = "./stream"
}

module "templates" {
  source = "./templates"
}

module "topic" {
  source = "./topic"
}

module "upload" {
  source = "./upload"
}

output "made" {
  value = {
    topic      = module.topic.topic
    machine    = module.machine.machine
    queue      = module.blocks.queue
    deployment = module.deployment.url
  }
}
