output "url" {
  description = "Where the bank is"
  value       = "https://${var.platform.zone}"
}
