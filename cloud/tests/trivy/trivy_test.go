// Package trivy asks about cloud/aws what `trivy config` asks: with trivy's own scanner, and the checks that are embedded in its Go modules.
// The program would fetch newer checks from a registry of images.
package trivy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aquasecurity/trivy/pkg/iac/rego"
	"github.com/aquasecurity/trivy/pkg/iac/scan"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/options"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/terraform/executor"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/terraform/parser"
)

const aws = "../../aws"

// environment has the variables' files, named as from the folder that is scanned, and how many checks for AWS have something to look at: a
// check that is not loaded says nothing.
type environment struct {
	name      string
	fewest    int
	variables []string
}

var (
	dev     = environment{"dev", 62, []string{"mine.tfvars.example", "environments/dev.tfvars"}}
	staging = environment{"staging", 62, []string{"mine.tfvars.example", "environments/staging.tfvars"}}
	prod    = environment{"prod", 62, []string{"mine.tfvars.example", "environments/prod.tfvars"}}
	// No environment has MemoryDB as it is delivered. trivy has four checks for ElastiCache, and none for MemoryDB.
	memorydb = environment{"prod with MemoryDB", 58, append(prod.variables, "memorydb.tfvars")}
)

// literals are values that only AWS knows, or that trivy cannot evaluate, and what stands for them while it scans.
var literals = []struct{ code, value string }{
	{"slice(data.aws_availability_zones.here.names, 0, 3)", `["us-east-1a", "us-east-1b", "us-east-1c"]`},
	{"one(concat(module.valkey, module.memorydb))", `{
    nodes       = ["bank-001"]
    secret_arn  = "arn:aws:secretsmanager:us-east-1:123456789012:secret:bank"
    secret_name = "bank"
    key_arn     = "arn:aws:kms:us-east-1:123456789012:key/bank"
  }`},
	{"data.aws_caller_identity.here.account_id", `"123456789012"`},
	{"data.aws_partition.here.partition", `"aws"`},
	{"data.aws_partition.here.dns_suffix", `"amazonaws.com"`},
	{"data.aws_region.here.region", `"us-east-1"`},
}

// scannable is a copy of cloud/aws with literals. trivy leaves out each block whose for_each it cannot evaluate, and says so only when it
// debugs. A stale .terraform would lead it to other modules than those that are here, so it is not copied.
func scannable(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	used := map[string]int{}
	err := fs.WalkDir(os.DirFS(aws), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == ".terraform":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(folder, path), 0o755)
		}
		read, err := os.ReadFile(filepath.Join(aws, path))
		text := string(read)
		for _, literal := range literals {
			used[literal.code] += strings.Count(text, literal.code)
			text = strings.ReplaceAll(text, literal.code, literal.value)
		}
		return errors.Join(err, os.WriteFile(filepath.Join(folder, path), []byte(text), 0o644))
	})
	for _, literal := range literals {
		if used[literal.code] == 0 {
			t.Errorf("no %q to put a literal for", literal.code)
		}
	}
	valkey := `valkey = { service = "memorydb", node_type = "db.r7g.large", replicas = 1, snapshot_days = 30 }`
	if err := errors.Join(err, os.WriteFile(filepath.Join(folder, "memorydb.tfvars"), []byte(valkey), 0o644)); err != nil {
		t.Fatal(err)
	}
	return folder
}

// report says which checks ran, and what they found: FILE:LINE and the check. What a comment excepts is named without a line.
type report struct {
	checks, found []string
	excepted      map[string]bool
	// How many blocks were scanned, by FILE TYPE.NAME of each resource of AWS.
	resources map[string]int
}

// complaints are trivy's warnings and errors: a check that could not be run is one, and no reason for trivy to fail.
var complaints bytes.Buffer

// checks are those of trivy's modules. To compile them takes longer than to run them.
var checks = sync.OnceValues(func() (*rego.Scanner, error) { return loaded() })

func loaded(more ...options.ScannerOption) (*rego.Scanner, error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(&complaints, &slog.HandlerOptions{Level: slog.LevelWarn})))
	scanner := rego.NewScanner(append(more, rego.WithEmbeddedPolicies(true), rego.WithEmbeddedLibraries(true))...)
	return scanner, errors.Join(scanner.LoadPolicies(nil), complained())
}

// complained is what trivy complained of since it was last asked.
func complained() error {
	defer complaints.Reset()
	if complaints.Len() == 0 {
		return nil
	}
	return errors.New(complaints.String())
}

// scanned is what the checks say of a root in an environment, and of the modules that the root uses. trivy's own terraform.Scanner does the
// same, but keeps to itself which blocks it scanned.
func scanned(folder, root string, in environment) (report, error) {
	loaded, err := checks()
	if err != nil {
		return report{}, err
	}
	// A module that trivy once downloaded for another project would be taken for ours.
	parsed := parser.New(os.DirFS(folder), "", parser.OptionWithTFVarsPaths(in.variables...), parser.OptionStopOnHCLError(true),
		parser.OptionWithDownloads(false), parser.OptionWithSkipCachedModules(true))
	err = parsed.ParseFS(context.Background(), root)
	if err != nil {
		return report{}, errors.Join(err, complained())
	}
	modules, err := parsed.EvaluateAll(context.Background())
	if err := errors.Join(err, complained()); err != nil {
		return report{}, err
	}
	results, err := executor.New(executor.OptionWithRegoScanner(loaded)).Execute(context.Background(), modules, root)
	if err := errors.Join(err, complained()); err != nil {
		return report{}, err
	}
	said := read(results)
	if len(said.checks) < in.fewest {
		return report{}, fmt.Errorf("%d checks ran, not %d", len(said.checks), in.fewest)
	}
	for _, block := range modules.GetBlocks() {
		if block.Type() == "resource" && strings.HasPrefix(block.TypeLabel(), "aws_") {
			// What stands in brackets is the block's key in for_each, or its number.
			name, _, _ := strings.Cut(block.NameLabel(), "[")
			at := block.GetMetadata().Range()
			said.resources[at.GetFilename()+" "+block.TypeLabel()+"."+name]++
			said.found = append(said.found, wide(block)...)
		}
	}
	return said, nil
}

func read(results scan.Results) report {
	said := report{excepted: map[string]bool{}, resources: map[string]int{}}
	for _, result := range results {
		check, at := result.Rule().ID, result.Range()
		// The checks for other clouds run too, and have nothing to look at.
		if strings.HasPrefix(check, "AWS-") {
			said.checks = append(said.checks, check)
		}
		switch result.Status() {
		case scan.StatusFailed:
			said.found = append(said.found, fmt.Sprintf("%s:%d %s %s: %s", at.GetFilename(), at.GetStartLine(), check, result.Severity(), result.Description()))
		case scan.StatusIgnored:
			said.excepted[at.GetFilename()+" "+check] = true
		}
	}
	slices.Sort(said.checks)
	said.checks = slices.Compact(said.checks)
	return said
}

var (
	// trivy obeys tfsec's comments too, wherever they are in a line, and in files of other suffixes than .tf.
	directive = regexp.MustCompile(`(?:trivy|tfsec):`)
	// An exception is one of one check, on a line of its own, with a reason.
	exception = regexp.MustCompile(`^\s*#trivy:ignore:(AWS-[0-9]{4}) \S`)
)

// misused are the exceptions in the folder that are not written as above, or except nothing; and what is excepted by none of them.
func misused(t *testing.T, folder string, excepted map[string]bool) []string {
	t.Helper()
	var wrong []string
	declared := map[string]bool{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, path))
		for i, line := range strings.Split(string(text), "\n") {
			count, match := len(directive.FindAllString(line, -1)), exception.FindStringSubmatch(line)
			switch {
			case count == 0:
			case count > 1 || match == nil:
				wrong = append(wrong, fmt.Sprintf("%s:%d: not one exception with a reason: %s", path, i+1, line))
			// trivy does not say which comment it obeyed, so a second one might except nothing.
			case declared[path+" "+match[1]]:
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s has an exception in this file already", path, i+1, match[1]))
			default:
				declared[path+" "+match[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range declared {
		if !excepted[key] {
			wrong = append(wrong, key+": an exception of nothing")
		}
	}
	for key := range excepted {
		if !declared[key] {
			wrong = append(wrong, key+": excepted, but by no comment in its file that names it")
		}
	}
	return wrong
}

// unscanned are all resources of AWS in the folder, FILE TYPE.NAME, without those that were scanned.
func unscanned(t *testing.T, folder string, scanned map[string]int) []string {
	t.Helper()
	resource := regexp.MustCompile(`(?m)^resource "(aws_[^"]+)" "([^"]+)"`)
	var all []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, path))
		for _, match := range resource.FindAllStringSubmatch(string(text), -1) {
			if name := path + " " + match[1] + "." + match[2]; scanned[name] == 0 {
				all = append(all, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNothingIsFoundInAnyEnvironmentThatNoExceptionNames(t *testing.T) {
	folder := scannable(t)
	excepted, resources := map[string]bool{}, map[string]int{}
	for _, in := range []environment{dev, staging, prod, memorydb} {
		said, err := scanned(folder, "platform", in)
		if err != nil {
			t.Fatalf("%s: %v", in.name, err)
		}
		blocks := 0
		for resource, times := range said.resources {
			blocks += times
			resources[resource] += times
		}
		t.Logf("%s: %d checks for AWS ran over %d resources, from %d blocks; findings: %d, and %d that are excepted",
			in.name, len(said.checks), blocks, len(said.resources), len(said.found), len(said.excepted))
		for _, finding := range said.found {
			t.Errorf("%s: %s", in.name, finding)
		}
		for exception := range said.excepted {
			excepted[exception] = true
		}
	}
	t.Logf("%d blocks were scanned", len(resources))
	for _, resource := range unscanned(t, folder, resources) {
		t.Errorf("%s was scanned in no environment", resource)
	}
	for _, exception := range misused(t, folder, excepted) {
		t.Error(exception)
	}
}

func TestWhatIsPlantedIsFound(t *testing.T) {
	for _, mistake := range []struct{ name, file, right, wrong, said string }{
		{"Valkey without TLS", "modules/valkey/main.tf", "transit_encryption_enabled = true", "transit_encryption_enabled = false", "AWS-0051"},
		{"a bucket that may be public", "modules/exports/main.tf", "block_public_policy     = true", "block_public_policy     = false", "AWS-0087"},
		{"addresses of the Internet for what is in the public subnets", "modules/network/main.tf", `"kubernetes.io/role/elb" = "1"
  }`, `"kubernetes.io/role/elb" = "1"
  }
  map_public_ip_on_launch = true`, "AWS-0164"},
		{"nodes' metadata without a session", "modules/eks/nodes.tf", `"required"`, `"optional"`, "AWS-0130"},
		{"a key that is for ever", "modules/alarms/main.tf", "enable_key_rotation = true", "enable_key_rotation = false", "AWS-0065"},
		{"a key of logs that is for ever", "modules/log_group/main.tf", "enable_key_rotation = true", "enable_key_rotation = false", "AWS-0065"},
		{"a key of the store that is for ever", "modules/store_access/main.tf", "enable_key_rotation = true", "enable_key_rotation = false", "AWS-0065"},
		{"every secret of the account", "modules/eks/identities.tf", "Resource = var.secret_arn", `Resource = "*"`, "rights"},
		{"every node group, not only the cluster's", "modules/eks/identities.tf", "Condition = { StringEquals = { \"aws:ResourceTag/k8s.io", "Ignored = { StringEquals = { \"aws:ResourceTag/k8s.io", "rights"},
		{"all that can be done with images", "modules/github/main.tf", `"ecr:PutImage"`, `"ecr:*"`, "rights"},
		{"nodes that administer the account", "modules/eks/nodes.tf", `"AmazonEKS_CNI_Policy"`, `"AdministratorAccess"`, "rights"},
		{"Valkey for the world", "modules/store_access/main.tf", "referenced_security_group_id = var.client_security_group_id", `cidr_ipv4 = "0.0.0.0/0"`, "addresses"},
		{"tags that change", "modules/registry/main.tf", `"IMMUTABLE"`, `"MUTABLE"`, "AWS-0031"},
		{"a misspelt exception", "modules/exports/main.tf", "trivy:ignore:AWS-0089", "trivy:ignore:AWS-089", "AWS-0089"},
	} {
		t.Run(mistake.name, func(t *testing.T) {
			said, err := scanned(planted(t, mistake.file, mistake.right, mistake.wrong), "platform", prod)
			if err != nil {
				t.Fatal(err)
			}
			// Once for each zone or node is once.
			found := slices.Compact(said.found)
			if len(found) != 1 || !strings.HasPrefix(found[0], mistake.file+":") || !strings.Contains(found[0], " "+mistake.said+" ") {
				t.Errorf("not %s alone: %q", mistake.said, said.found)
			}
		})
	}
}

// In staging each of our exceptions excepts something.
func TestAnExceptionOfMoreThanItSaysIsRefused(t *testing.T) {
	const rotation, right = "enable_key_rotation = true", "#trivy:ignore:AWS-0089 "
	for _, mistake := range []struct{ name, file, right, wrong, said string }{
		{"of everything, as tfsec writes it", "modules/registry/main.tf", rotation, "#tfsec:ignore:*\n  enable_key_rotation = false", "modules/registry/main.tf AWS-0065: excepted, but"},
		{"of everything", "modules/registry/main.tf", rotation, "#trivy:ignore:* all is well\n  enable_key_rotation = false", "modules/registry/main.tf AWS-0065: excepted, but"},
		{"of a whole module", "platform/main.tf", `module "registry" {`, "#trivy:ignore:AWS-0031 all is well\nmodule \"registry\" {", "modules/registry/main.tf AWS-0031: excepted, but"},
		{"of a second check in its reason", "modules/exports/main.tf", right, right + "trivy:ignore:AWS-0065 ", "not one exception with a reason: #trivy:ignore:AWS-0089 trivy:"},
		{"a second time, of nothing", "modules/exports/main.tf", rotation, right + "again\n  enable_key_rotation = true", "AWS-0089 has an exception in this file already"},
		{"without a reason", "modules/registry/main.tf", rotation, "#trivy:ignore:AWS-0065\n  enable_key_rotation = false", "not one exception with a reason:   #trivy:ignore:AWS-0065"},
		{"of nothing", "modules/registry/main.tf", rotation, "#trivy:ignore:AWS-0065 all is well\n  enable_key_rotation = true", "modules/registry/main.tf AWS-0065: an exception of nothing"},
		{"in a file for OpenTofu alone", "modules/registry/more.tofu", "", "resource \"aws_kms_key\" \"more\" { #tfsec:ignore:*\n}\n", "modules/registry/more.tofu AWS-0065: excepted, but"},
	} {
		t.Run(mistake.name, func(t *testing.T) {
			folder := planted(t, mistake.file, mistake.right, mistake.wrong)
			if mistake.file == "platform/main.tf" {
				plant(t, filepath.Join(folder, "modules/registry/main.tf"), `"IMMUTABLE"`, `"MUTABLE"`)
			}
			said, err := scanned(folder, "platform", staging)
			if err != nil {
				t.Fatal(err)
			}
			if len(said.found) > 0 {
				t.Errorf("not excepted: %q", said.found)
			}
			if wrong := strings.Join(misused(t, folder, said.excepted), "\n"); !strings.Contains(wrong, mistake.said) {
				t.Errorf("not refused with %q: %s", mistake.said, wrong)
			}
		})
	}
	t.Run("none of these", func(t *testing.T) {
		folder := scannable(t)
		said, err := scanned(folder, "platform", staging)
		if wrong := misused(t, folder, said.excepted); err != nil || wrong != nil {
			t.Errorf("%v, %q", err, wrong)
		}
	})
}

func TestWhatCannotBeReadIsNoPass(t *testing.T) {
	for _, mistake := range []struct{ name, file, right, wrong, said string }{
		{"a module from elsewhere", "platform/main.tf", `"../modules/exports"`, `"git::https://example.com/exports.git"`, "exports"},
		{"a module that is not there", "platform/main.tf", `"../modules/exports"`, `"../modules/export"`, "../modules/export"},
		{"a brace too many", "modules/exports/main.tf", "enable_key_rotation = true\n}", "enable_key_rotation = true\n}}", "modules/exports/main.tf"},
		{"a variable without a value", "mine.tfvars.example", `region `, `area `, "region"},
	} {
		t.Run(mistake.name, func(t *testing.T) {
			_, err := scanned(planted(t, mistake.file, mistake.right, mistake.wrong), "platform", prod)
			if err == nil || !strings.Contains(err.Error(), mistake.said) {
				t.Errorf("not refused with %q: %v", mistake.said, err)
			}
		})
	}
	t.Run("a block for each of what only AWS knows", func(t *testing.T) {
		folder := planted(t, "modules/network/main.tf", "slice(local.zones, 0, 1)", "data.aws_availability_zones.here.names")
		said, err := scanned(folder, "platform", dev)
		if err != nil {
			t.Fatal(err)
		}
		if missing := unscanned(t, folder, said.resources); !slices.Contains(missing, "modules/network/main.tf aws_eip.nat") {
			t.Errorf("not noticed: %q", missing)
		}
	})
	// Some checks pass without anything to look at.
	t.Run("a folder without files", func(t *testing.T) {
		if _, err := scanned(t.TempDir(), ".", prod); err == nil || err.Error() != "15 checks ran, not 62" {
			t.Errorf("%v", err)
		}
	})
	t.Run("a check for a newer trivy", func(t *testing.T) {
		newer := strings.NewReader("# METADATA\n# custom:\n#   minimum_trivy_version: 99.0.0\npackage user.newer\n\nimport rego.v1\n\ndeny contains \"newer\" if true\n")
		if _, err := loaded(rego.WithPolicyReader(newer), rego.WithTrivyVersion("0.74.0")); err == nil || !strings.Contains(err.Error(), "minimum trivy version") {
			t.Errorf("%v", err)
		}
	})
}

// planted is a copy with a mistake in it, or with a wrong file more.
func planted(t *testing.T, file, right, wrong string) string {
	t.Helper()
	folder := scannable(t)
	path := filepath.Join(folder, file)
	if right == "" {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant(t, path, right, wrong)
	return folder
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
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), right, wrong, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}
