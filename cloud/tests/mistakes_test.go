package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A provider that accepts anything would prove nothing: each of these must be refused, with the name of what is wrong.
func TestMistakesAreRefused(t *testing.T) {
	for _, mistake := range []struct {
		name, file, right, wrong, said string
	}{
		{"a misspelt attribute", "modules/valkey/main.tf", "transit_encryption_enabled =", "transit_encryption_enable =", `"transit_encryption_enable" is not expected`},
		{"a misspelt attribute in a block", "modules/eks/main.tf", "endpoint_private_access =", "endpoint_privat_access =", `"endpoint_privat_access" is not expected`},
		{"a required attribute that is missing", "modules/eks/main.tf", "role_arn                      = aws_iam_role.cluster.arn\n", "", `"role_arn" is required`},
		{"a required block that is missing", "modules/eks/nodes.tf", "scaling_config {\n    min_size     = each.value.min\n    max_size     = each.value.max\n    desired_size = each.value.min\n  }\n", "", `scaling_config`},
		{"a block of another name", "modules/exports/main.tf", "versioning_configuration {", "versioning {", `"versioning" are not expected`},
		{"a wrong type", "modules/valkey/main.tf", `port                       = 6379`, `port                       = "redis"`, `a number is required`},
		{"a list for a text", "modules/registry/main.tf", `image_tag_mutability = "IMMUTABLE"`, `image_tag_mutability = ["IMMUTABLE"]`, `string required`},
		{"a resource that is none", "modules/dns/main.tf", `resource "aws_route53_zone" "this"`, `resource "aws_route53_zones" "this"`, `aws_route53_zones`},
		{"what only AWS sets", "modules/network/main.tf", "enable_dns_hostnames = true", "enable_dns_hostnames = true\n  arn = \"a\"", `arn") is set by the provider alone`},
	} {
		t.Run(mistake.name, func(t *testing.T) {
			t.Parallel()
			root := copied(t)
			plant(t, filepath.Join(root, mistake.file), mistake.right, mistake.wrong)
			folder := filepath.Join(root, "platform")
			must(t, folder, "init", "-input=false")
			out, err := tofu(t, folder, "validate", "-no-color")
			if err == nil || !strings.Contains(out, mistake.said) {
				t.Fatalf("not refused with %q: %v\n%s", mistake.said, err, out)
			}
		})
	}
}

func plant(t *testing.T, path, right, wrong string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), right) != 1 {
		t.Fatalf("%s has %q not exactly once", path, right)
	}
	write(t, path, strings.Replace(string(text), right, wrong, 1))
}
