resource "aws_ecs_cluster" "ecs" {
  name = "c"
}

resource "aws_ecs_cluster_capacity_providers" "ecs" {
  cluster_name       = aws_ecs_cluster.ecs.name
  capacity_providers = ["FARGATE"]
}

resource "aws_ecs_task_definition" "ecs_t" {
  family                   = "t"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "a", image = "nginx", essential = true }])
}

resource "aws_ecs_cluster" "ecs_service" {
  name = "cs"
}

resource "aws_ecs_task_definition" "ecs_service_t" {
  family                   = "ts"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "a", image = "nginx", essential = true }])
}

resource "aws_ecs_service" "ecs_service_s" {
  name            = "s"
  cluster         = aws_ecs_cluster.ecs_service.id
  task_definition = aws_ecs_task_definition.ecs_service_t.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets = aws_subnet.main[*].id
  }
}

resource "aws_ecr_repository" "ecr" {
  name         = "app"
  force_delete = true
}

resource "aws_ecr_lifecycle_policy" "ecr" {
  repository = aws_ecr_repository.ecr.name
  policy     = jsonencode({ rules = [{ rulePriority = 1, description = "x", selection = { tagStatus = "untagged", countType = "imageCountMoreThan", countNumber = 10 }, action = { type = "expire" } }] })
}

resource "aws_ecr_repository_policy" "ecr" {
  repository = aws_ecr_repository.ecr.name
  policy     = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "a", Effect = "Allow", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Action = ["ecr:BatchGetImage"] }] })
}

resource "aws_eks_cluster" "eks" {
  name     = "e"
  role_arn = "arn:aws:iam::000000000000:role/x"
  vpc_config {
    subnet_ids = ["subnet-1", "subnet-2"]
  }
}
