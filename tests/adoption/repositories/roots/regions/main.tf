provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "far"
  region = "ap-southeast-2"
}

module "copies" {
  source = "./modules/copies"

  providers = {
    aws.here  = aws
    aws.there = aws.far
  }
}

output "regions" {
  value = module.copies.regions
}
