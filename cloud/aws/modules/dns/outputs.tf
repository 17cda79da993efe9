output "zone_id" {
  description = "The ID of the zone"
  value       = aws_route53_zone.this.zone_id
}

output "name_servers" {
  description = "The name servers of the zone. The parent zone must delegate to them"
  value       = aws_route53_zone.this.name_servers
}
