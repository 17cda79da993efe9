output "url" {
  description = "The address of the bank"
  value       = "https://${var.platform.zone}"
}
