# Only the rules for the language. The rules for AWS are in a plugin that tflint fetches from GitHub.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# A module without outputs needs no outputs.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
