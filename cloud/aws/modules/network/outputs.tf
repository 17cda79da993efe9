output "vpc_id" {
  description = "The VPC"
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its addresses"
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "Where nodes and Valkey are, a subnet in each zone"
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "private_cidrs" {
  description = "Their addresses"
  value       = [for zone in local.zones : local.private[zone]]
}

output "nat_gateway_ids" {
  description = "By which all that is private reaches the Internet"
  value       = [for gateway in aws_nat_gateway.this : gateway.id]
}
