// Package tests plans each environment without an account: OpenTofu is real, its providers know only schemas.
package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var environments = []string{"dev", "staging", "prod"}

// copied copies cloud/aws and the chart to a folder of the test, with the state there instead of in a bucket.
func copied(t *testing.T) string {
	t.Helper()
	work := t.TempDir()
	for _, folder := range []string{"cloud/aws", "k8s/chart"} {
		if err := os.CopyFS(filepath.Join(work, folder), os.DirFS("../../"+folder)); err != nil {
			t.Fatal(err)
		}
	}
	for _, environment := range environments {
		os.RemoveAll(filepath.Join(work, "cloud/aws/mine."+environment+".tfvars"))
	}
	for _, root := range []string{"platform", "cluster"} {
		write(t, filepath.Join(work, "cloud/aws", root, "backend_override.tf"), "terraform {\n  backend \"local\" {}\n}\n")
	}
	return filepath.Join(work, "cloud/aws")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tofuEnvironment makes OpenTofu use the tests' providers, and no others.
func tofuEnvironment(t *testing.T) []string {
	t.Helper()
	build, err := filepath.Abs("../../build/cloud")
	if err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "tofurc")
	write(t, settings, "provider_installation {\n  filesystem_mirror {\n    path = \""+build+"/mirror\"\n  }\n}\n")
	return []string{"TOFU=" + filepath.Join(build, "tofu"), "TF_CLI_CONFIG_FILE=" + settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"}
}

// tofu runs OpenTofu in the folder.
func tofu(t *testing.T, folder string, arguments ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs("../../build/cloud/tofu")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), tofuEnvironment(t)...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	out, err := tofu(t, folder, arguments...)
	if err != nil {
		t.Fatalf("tofu %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return out
}

// long skips a test that `make test-aws` runs and `make lint-cloud` does not.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("only in make test-aws")
	}
}

// planned returns the plan of a root module, as `tofu show -json` prints it.
func planned(t *testing.T, folder string, arguments ...string) plan {
	t.Helper()
	must(t, folder, "init", "-input=false")
	must(t, folder, append([]string{"plan", "-input=false", "-out=plan"}, arguments...)...)
	var read plan
	if err := json.Unmarshal([]byte(must(t, folder, "show", "-json", "plan")), &read); err != nil {
		t.Fatal(err)
	}
	return read
}

type plan struct {
	ResourceChanges []struct {
		Address string
		Type    string
		Change  struct {
			After   map[string]any
			Unknown map[string]any `json:"after_unknown"`
		}
	} `json:"resource_changes"`
}

func (p plan) count(kind string) int {
	count := 0
	for _, change := range p.ResourceChanges {
		if change.Type == kind {
			count++
		}
	}
	return count
}

func (p plan) after(t *testing.T, address string) map[string]any {
	t.Helper()
	for _, change := range p.ResourceChanges {
		if change.Address == address {
			return change.Change.After
		}
	}
	t.Fatalf("%s is not planned", address)
	return nil
}

func platform(t *testing.T, environment string) plan {
	return planned(t, filepath.Join(copied(t), "platform"),
		"-var-file=../mine.tfvars.example", "-var-file=../environments/"+environment+".tfvars")
}

func TestEachFileIsFormatted(t *testing.T) {
	if out, err := tofu(t, "../aws", "fmt", "-recursive", "-check", "-diff"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestEachRootIsValid(t *testing.T) {
	for _, root := range []string{"platform", "cluster"} {
		t.Run(root, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(copied(t), root)
			must(t, folder, "init", "-input=false")
			must(t, folder, "validate")
		})
	}
}

func TestEachEnvironmentIsPlanned(t *testing.T) {
	var prices struct{ Monthly map[string][]any }
	if text, err := os.ReadFile("../prices.json"); err != nil || json.Unmarshal(text, &prices) != nil {
		t.Fatal("prices.json is not read")
	}
	keys := prices.Monthly["key"][2]
	gateways := map[string]int{"dev": 1, "staging": 1, "prod": 3}
	nodes := map[string]float64{"dev": 1, "staging": 2, "prod": 3}
	for _, environment := range environments {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			p := platform(t, environment)
			if n := p.count("aws_nat_gateway"); n != gateways[environment] {
				t.Errorf("%d NAT gateways", n)
			}
			valkey := p.after(t, "module.valkey[0].aws_elasticache_replication_group.this")
			if n := valkey["num_cache_clusters"]; n != nodes[environment] {
				t.Errorf("%v nodes of Valkey", n)
			}
			if valkey["transit_encryption_enabled"] != true || valkey["transit_encryption_mode"] != "required" {
				t.Error("Valkey without TLS")
			}
			if n := p.count("aws_subnet"); n != 6 {
				t.Errorf("%d subnets, not a private and a public one in each of three zones", n)
			}
			if n := p.count("aws_kms_key"); any(float64(n)) != keys {
				t.Errorf("%d keys, of which prices.json has %v", n, keys)
			}
			// Prod's API server is not reached from the Internet.
			config := p.after(t, "module.eks.aws_eks_cluster.this")["vpc_config"].([]any)[0].(map[string]any)
			if public := config["endpoint_public_access"]; public != (environment != "prod") {
				t.Errorf("endpoint_public_access is %v", public)
			}
			access := p.after(t, "module.eks.aws_eks_cluster.this")["access_config"].([]any)[0].(map[string]any)
			if access["authentication_mode"] != "API" || access["bootstrap_cluster_creator_admin_permissions"] != false {
				t.Errorf("not only access entries give access: %v", access)
			}
			p.letsNobodyIn(t)
			p.warns(t, int(nodes[environment]))
		})
	}
}

// letsNobodyIn fails if a rule of a security group lets in more than the VPC over HTTPS, or anything else than the cluster to the store.
func (p plan) letsNobodyIn(t *testing.T) {
	t.Helper()
	vpc := p.after(t, "module.network.aws_vpc.this")["cidr_block"]
	stores := 0
	for _, change := range p.ResourceChanges {
		after := change.Change.After
		// Only a route may name the whole Internet, as the place that packets go to.
		if text, err := json.Marshal(after); err != nil {
			t.Fatal(err)
		} else if change.Type != "aws_route" && (strings.Contains(string(text), `"0.0.0.0/`) || strings.Contains(string(text), `"::/`)) {
			t.Errorf("%s names the whole Internet: %s", change.Address, text)
		}
		switch change.Type {
		case "aws_security_group_rule":
			t.Errorf("%s: this test reads rules of the newer type only", change.Address)
		case "aws_security_group", "aws_default_security_group":
			// The cases below do not see a rule that is written inside its group.
			if after["ingress"] != nil {
				t.Errorf("%s has rules of its own: %v", change.Address, after["ingress"])
			}
		case "aws_vpc_security_group_ingress_rule":
			if after["cidr_ipv6"] != nil || after["prefix_list_id"] != nil || after["ip_protocol"] != "tcp" || after["from_port"] != after["to_port"] {
				t.Errorf("%s: %v", change.Address, after)
			}
			switch after["from_port"] {
			case 443.0:
				if after["cidr_ipv4"] != vpc {
					t.Errorf("%s lets in %v", change.Address, after["cidr_ipv4"])
				}
			case 6379.0:
				stores++
				// The cluster's group is known only after an apply.
				if after["cidr_ipv4"] != nil || change.Change.Unknown["cidr_ipv4"] != nil || change.Change.Unknown["referenced_security_group_id"] != true {
					t.Errorf("%s lets in more than the cluster's group: %v", change.Address, after)
				}
			default:
				t.Errorf("%s opens port %v", change.Address, after["from_port"])
			}
		}
	}
	if stores != 1 {
		t.Errorf("%d rules for the store", stores)
	}
}

// warns fails if an alarm is missing, if it tells nobody, or if there is no budget.
func (p plan) warns(t *testing.T, nodes int) {
	t.Helper()
	wanted := map[string]int{
		"DatabaseMemoryUsagePercentage": nodes, "EngineCPUUtilization": nodes, "Evictions": nodes, "ReplicationLag": nodes,
		"ErrorPortAllocation": p.count("aws_nat_gateway"),
	}
	got := map[string]int{}
	for _, change := range p.ResourceChanges {
		if change.Type != "aws_cloudwatch_metric_alarm" {
			continue
		}
		got[change.Change.After["metric_name"].(string)]++
		// The topic's ARN is known only after an apply. Without an action there is nothing to be known.
		if change.Change.Unknown["alarm_actions"] == nil || change.Change.After["actions_enabled"] == false {
			t.Errorf("%s tells nobody", change.Address)
		}
	}
	if !maps.Equal(got, wanted) {
		t.Errorf("alarms are %v, not %v", got, wanted)
	}
	mail := p.after(t, "module.alarms.aws_sns_topic_subscription.email")
	if mail["protocol"] != "email" || mail["endpoint"] != "bank@example.com" {
		t.Errorf("alarms go to %v", mail)
	}
	p.after(t, "module.budget.aws_budgets_budget.this")
}

// The names of the secret and of its key are known here, and so are the documents; in the plan of an environment they are not.
func TestEachPodHasTheRightsItNeedsAndNoOthers(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(copied(t), "modules/eks")
	write(t, filepath.Join(folder, "test.auto.tfvars.json"), `{"name": "bank-test", "kubernetes_version": "1.36", "subnet_ids": ["subnet-a"],
		"vpc_cidr": "10.0.0.0/16", "public_access_cidrs": [], "admins": {}, "shim": null, "log_days": 7, "deletion_protection": true,
		"node_groups": {"a": {"arch": "arm64", "instance_types": ["m7g.large"], "min": 1, "max": 1}}, "zone_id": "Z1",
		"secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a", "secret_key_arn": "arn:aws:kms:us-east-1:123456789012:key/a"}`)
	write(t, filepath.Join(folder, "test.tf"), "provider \"aws\" {\n  region = \"us-east-1\"\n}\n")
	p := planned(t, folder)
	if n := p.count("aws_iam_role_policy"); n != 3 {
		t.Errorf("%d policies, not those of the autoscaler, External DNS and External Secrets", n)
	}
	for pod, wanted := range map[string]string{
		"autoscaler": `Allow [autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances autoscaling:DescribeLaunchConfigurations ` +
			`autoscaling:DescribeScalingActivities ec2:DescribeImages ec2:DescribeInstanceTypes ec2:DescribeLaunchTemplateVersions ` +
			`ec2:GetInstanceTypesFromInstanceRequirements eks:DescribeNodegroup] * <nil>
Allow [autoscaling:SetDesiredCapacity autoscaling:TerminateInstanceInAutoScalingGroup] * ` +
			`map[StringEquals:map[aws:ResourceTag/k8s.io/cluster-autoscaler/bank-test:owned]]
`,
		"dns": `Allow [route53:ChangeResourceRecordSets route53:ListResourceRecordSets] arn:aws:route53:::hostedzone/Z1 <nil>
Allow [route53:ListHostedZones route53:ListTagsForResources] * <nil>
`,
		"secrets": `Allow [secretsmanager:GetSecretValue secretsmanager:DescribeSecret] arn:aws:secretsmanager:us-east-1:123456789012:secret:a <nil>
Allow kms:Decrypt arn:aws:kms:us-east-1:123456789012:key/a map[StringEquals:map[kms:ViaService:secretsmanager.us-east-1.amazonaws.com]]
`,
	} {
		var policy struct {
			Statement []struct{ Effect, Action, Resource, Condition any }
		}
		document := p.after(t, `aws_iam_role_policy.pod["`+pod+`"]`)["policy"].(string)
		if err := json.Unmarshal([]byte(document), &policy); err != nil {
			t.Fatal(err)
		}
		rights := ""
		for _, s := range policy.Statement {
			rights += fmt.Sprintln(s.Effect, s.Action, s.Resource, s.Condition)
		}
		if rights != wanted {
			t.Errorf("%s has\n%snot\n%s", pod, rights, wanted)
		}
	}
}

// Without it two people who run `up` at the same time overwrite each other's state.
func TestTheStateIsLocked(t *testing.T) {
	for _, root := range []string{"platform", "cluster"} {
		text, err := os.ReadFile("../aws/" + root + "/versions.tf")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?s)backend "s3" \{[^}]*\n\s+use_lockfile\s*=\s*true\n`).Match(text) {
			t.Errorf("%s: no lock", root)
		}
	}
}

// The chart accepts the values that the module gives it, and Helm renders it. This test checks what the bank gets.
func TestTheChartTakesWhatTheAccountGives(t *testing.T) {
	wait := map[string]string{"dev": `value: "0"`, "staging": `value: "1"`, "prod": `value: "1"`}
	for _, environment := range environments {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			p, out := rendered(t, environment, "spinkube")
			if p.count("helm_release") != 7 {
				t.Errorf("%d releases, not five controllers, the operator and the bank", p.count("helm_release"))
			}
			for _, wanted := range []string{`image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/money-bank@` + digest + `"`, `app.kubernetes.io/version: "1.2.3"`, "{name: redis_wait_replicas, " + wait[environment] + "}",
				`{name: auth, value: "jwt"}`, `{name: "bank-valkey", key: url}`, "kind: ExternalSecret", `cidr: "10.10.0.0/19"`, `host: "bank.example.com"`} {
				if !strings.Contains(out, wanted) {
					t.Errorf("%s is not in:\n%s", wanted, out)
				}
			}
			if strings.Contains(out, "kind: StatefulSet") {
				t.Error("the chart runs a Redis of its own beside Valkey")
			}
			if strings.Contains(out, "kind: PersistentVolumeClaim") || strings.Contains(out, "persistentVolumeClaim:") {
				t.Error("a claim, which no driver in this cluster binds")
			}
		})
	}
}

func TestWithTheRuntimeBankNothingOfSpinKubeIsInstalled(t *testing.T) {
	t.Parallel()
	p, out := rendered(t, "prod", "bank")
	if p.count("helm_release") != 6 {
		t.Errorf("%d releases, not five controllers and the bank", p.count("helm_release"))
	}
	if !strings.Contains(out, "kind: Deployment") || strings.Contains(out, "kind: SpinApp") || strings.Contains(out, "kind: RuntimeClass") {
		t.Errorf("another runtime than bank:\n%s", out)
	}
}

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// rendered returns the plan of the cluster, and what Helm renders of the bank's release in it.
func rendered(t *testing.T, environment, runtime string) (plan, string) {
	t.Helper()
	folder := filepath.Join(copied(t), "cluster")
	write(t, filepath.Join(folder, "of-platform.tfvars.json"), platformOutput(environment, runtime))
	p := planned(t, folder, "-var-file=of-platform.tfvars.json", "-var=tag=1.2.3", "-var=digest="+digest)
	release := p.after(t, "module.bank.helm_release.this")
	arguments := []string{"template", "bank", filepath.Join(folder, "../../../k8s/chart"), "--namespace", release["namespace"].(string), "--kube-version", "1.36"}
	for i, values := range release["values"].([]any) {
		file := filepath.Join(folder, fmt.Sprintf("values-%d.yaml", i))
		write(t, file, values.(string))
		arguments = append(arguments, "--values", file)
	}
	out, err := exec.Command("../../build/bin/helm", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	return p, string(out)
}

func platformOutput(environment, runtime string) string {
	return fmt.Sprintf(`{"platform": {"environment": %q, "region": "us-east-1", "zone": "bank.example.com", "email": "bank@example.com",
		"lets_encrypt": "staging", "auth": {"issuer": "https://login.example.com", "audience": "https://bank.example.com", "client_id": "bank"},
		"runtime": %q, "registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/money-bank", "secret_name": "bank/redis", "valkey_cidrs": ["10.10.0.0/19"],
		"wait_replicas": %d, "cluster": {"name": "bank", "endpoint": "https://127.0.0.1:1", "ca_certificate": "YQ=="}}}`,
		environment, runtime, map[string]int{"dev": 0, "staging": 1, "prod": 1}[environment])
}

// The modules' own tests say what they refuse, and what follows from their variables.
func TestTofuTestPasses(t *testing.T) {
	long(t)
	root := copied(t)
	tests, err := filepath.Glob(root + "/*/*.tftest.hcl")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := filepath.Glob(root + "/modules/*/*.tftest.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if len(tests) == 0 || len(inner) == 0 {
		t.Fatal("no tests")
	}
	for _, file := range append(tests, inner...) {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			must(t, folder, "init", "-input=false")
			arguments := []string{"test", "-no-color"}
			if filepath.Base(folder) == "platform" {
				arguments = append(arguments, "-var-file=../mine.tfvars.example")
			}
			t.Log(must(t, folder, arguments...))
		})
	}
}

func TestTheTableOfCostsIsWhatTheScriptMakes(t *testing.T) {
	table, err := exec.Command("../cost").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), string(table)) {
		t.Errorf("cloud/README.md has another table than cloud/cost makes:\n%s", table)
	}
}
