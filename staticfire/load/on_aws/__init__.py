"""What a measured load needs and costs on AWS."""
