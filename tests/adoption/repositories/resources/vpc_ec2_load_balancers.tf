resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_subnet" "main" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = data.aws_availability_zones.here.names[count.index]
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

resource "aws_nat_gateway" "main" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.main[0].id
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "out" {
  route_table_id         = aws_route_table.main.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "main" {
  subnet_id      = aws_subnet.main[0].id
  route_table_id = aws_route_table.main.id
}

resource "aws_security_group" "app" {
  name   = "resources-app"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "app" {
  type              = "ingress"
  from_port         = 80
  to_port           = 80
  protocol          = "tcp"
  cidr_blocks       = ["10.0.0.0/16"]
  security_group_id = aws_security_group.app.id
}

resource "aws_security_group" "web" {
  name   = "resources-web"
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id = aws_security_group.web.id
  cidr_ipv4         = "10.0.0.0/8"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "web" {
  security_group_id = aws_security_group.web.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.s3"
}

resource "aws_lb" "web" {
  name               = "resources"
  load_balancer_type = "application"
  subnets            = aws_subnet.main[*].id
  security_groups    = [aws_security_group.web.id]
}

resource "aws_lb_target_group" "web" {
  name     = "resources"
  port     = 80
  protocol = "HTTP"
  vpc_id   = aws_vpc.main.id
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_lb_listener_rule" "web" {
  listener_arn = aws_lb_listener.web.arn
  priority     = 10
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }
}

resource "aws_default_security_group" "net_default_sg" {
  vpc_id = aws_vpc.main.id
}

resource "aws_default_route_table" "net_default_rt" {
  default_route_table_id = aws_vpc.main.default_route_table_id
}

resource "aws_default_network_acl" "net_default_acl" {
  default_network_acl_id = aws_vpc.main.default_network_acl_id
}

resource "aws_network_acl" "net_acl" {
  vpc_id = aws_vpc.main.id
}

resource "aws_network_acl_rule" "net_acl" {
  network_acl_id = aws_network_acl.net_acl.id
  rule_number    = 100
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "0.0.0.0/0"
  from_port      = 80
  to_port        = 80
}

resource "aws_network_interface" "net_eni" {
  subnet_id = aws_subnet.main[0].id
}

resource "aws_vpc_dhcp_options" "net_dhcp" {
  domain_name_servers = ["AmazonProvidedDNS"]
}

resource "aws_vpc_dhcp_options_association" "net_dhcp" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.net_dhcp.id
}

resource "aws_flow_log" "net_flow" {
  vpc_id          = aws_vpc.main.id
  traffic_type    = "ALL"
  iam_role_arn    = aws_iam_role.net_flow_f.arn
  log_destination = aws_cloudwatch_log_group.net_flow_f.arn
}

resource "aws_vpc" "net_peer_w" {
  cidr_block = "10.2.0.0/16"
}

resource "aws_vpc_peering_connection" "net_peer" {
  vpc_id      = aws_vpc.main.id
  peer_vpc_id = aws_vpc.net_peer_w.id
  auto_accept = true
}

resource "aws_egress_only_internet_gateway" "net_eigw" {
  vpc_id = aws_vpc.main.id
}

resource "aws_ec2_managed_prefix_list" "net_prefix" {
  name           = "x"
  address_family = "IPv4"
  max_entries    = 5
}

resource "aws_route_table" "net_epassoc_e" {
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_endpoint" "net_epassoc_e" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.dynamodb"
}

resource "aws_vpc_endpoint_route_table_association" "net_epassoc" {
  route_table_id  = aws_route_table.net_epassoc_e.id
  vpc_endpoint_id = aws_vpc_endpoint.net_epassoc_e.id
}

resource "aws_lb_target_group" "lb_attach_l" {
  name        = "lam"
  target_type = "ip"
  port        = 80
  protocol    = "HTTP"
  vpc_id      = aws_vpc.main.id
}

resource "aws_lb_target_group_attachment" "lb_attach_l" {
  target_group_arn = aws_lb_target_group.lb_attach_l.arn
  target_id        = "10.1.0.10"
  port             = 80
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

resource "aws_ebs_volume" "instance_v" {
  availability_zone = "us-east-1a"
  size              = 1
}

resource "aws_volume_attachment" "instance_v" {
  device_name = "/dev/sdh"
  volume_id   = aws_ebs_volume.instance_v.id
  instance_id = aws_instance.instance.id
}

resource "aws_launch_template" "asg_t" {
  name          = "ttt"
  image_id      = "ami-0abcdef1234567890"
  instance_type = "t3.micro"
}

resource "aws_autoscaling_group" "asg_g" {
  name                = "g"
  min_size            = 0
  max_size            = 1
  vpc_zone_identifier = [aws_subnet.main[0].id]
  launch_template {
    id      = aws_launch_template.asg_t.id
    version = "$Latest"
  }
}

resource "aws_autoscaling_policy" "asg_p" {
  name                   = "p"
  autoscaling_group_name = aws_autoscaling_group.asg_g.name
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = 1
}

resource "aws_vpc" "r53_assoc_w" {
  cidr_block = "10.7.0.0/16"
}
