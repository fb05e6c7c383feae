resource "aws_efs_file_system" "efs_f" {
  creation_token = "resources"
}

resource "aws_efs_mount_target" "efs_f" {
  file_system_id = aws_efs_file_system.efs_f.id
  subnet_id      = aws_subnet.main[0].id
}

resource "aws_efs_access_point" "efs_f" {
  file_system_id = aws_efs_file_system.efs_f.id
}

resource "aws_efs_file_system_policy" "efs_f" {
  file_system_id = aws_efs_file_system.efs_f.id
  policy         = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "elasticfilesystem:ClientMount", Principal = { AWS = "*" } }] })
}

resource "aws_efs_backup_policy" "efs_f" {
  file_system_id = aws_efs_file_system.efs_f.id
  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_elasticache_subnet_group" "elasticache" {
  name       = "c"
  subnet_ids = aws_subnet.main[*].id
}

resource "aws_elasticache_parameter_group" "elasticache" {
  name   = "c"
  family = "redis7"
}

resource "aws_elasticache_subnet_group" "elasticache_cluster" {
  name       = "d"
  subnet_ids = aws_subnet.main[*].id
}

resource "aws_elasticache_cluster" "elasticache_cluster" {
  cluster_id        = "d"
  engine            = "redis"
  node_type         = "cache.t3.micro"
  num_cache_nodes   = 1
  subnet_group_name = aws_elasticache_subnet_group.elasticache_cluster.name
}

resource "aws_elasticache_user" "elasticache_user_u" {
  user_id              = "u"
  user_name            = "default"
  access_string        = "on ~* +@all"
  engine               = "REDIS"
  no_password_required = true
}

resource "aws_elasticache_user_group" "elasticache_user_u" {
  engine        = "REDIS"
  user_group_id = "g"
  user_ids      = [aws_elasticache_user.elasticache_user_u.user_id]
}
