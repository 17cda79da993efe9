output "vpc_id" {
  description = "The ID of the VPC"
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "The addresses of the VPC"
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "The IDs of the private subnets, one in each zone, for nodes and Valkey"
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "private_cidrs" {
  description = "The addresses of the private subnets"
  value       = [for zone in local.zones : local.private[zone]]
}

output "nat_gateway_ids" {
  description = "The IDs of the NAT gateways, through which private subnets reach the Internet"
  value       = [for gateway in aws_nat_gateway.this : gateway.id]
}
