package chart

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const watched = "monitoring.rules.enabled=true,monitoring.dashboards.enabled=true,monitoring.redisExporter.enabled=true,monitoring.collector.enabled=true"

func TestNobodyWatchesUnlessAsked(t *testing.T) {
	for _, object := range kit.Rendered(t) {
		if slices.Contains([]string{"PrometheusRule", "PodMonitor", "DaemonSet", "Probe"}, object.GetKind()) || object.GetLabels()["grafana_dashboard"] != "" {
			t.Errorf("%s %s is there", object.GetKind(), object.GetName())
		}
	}
	if strings.Contains(kit.Template(t), "exporter") {
		t.Error("Redis has an exporter")
	}
}

// Without the bank's namespace in them, the alerts of two releases would report each other's faults.
func TestRulesAreOfTheReleaseAlone(t *testing.T) {
	rule := kit.Find(t, kit.Rendered(t, "--set", watched+",monitoring.rules.ratesAgeSeconds=120,nameOverride=mine,monitoring.collector.namespace=watchers"), "PrometheusRule", "mine")
	names := 0
	for _, group := range rule.Object["spec"].(map[string]any)["groups"].([]any) {
		for _, each := range group.(map[string]any)["rules"].([]any) {
			expression := each.(map[string]any)["expr"].(string)
			names++
			if strings.Contains(expression, "$") || !strings.Contains(expression, `namespace="money-bank"`) {
				t.Error(expression)
			}
			// The Collector's pods are in another namespace.
			if each.(map[string]any)["alert"] == "BankPodsRestart" && !strings.Contains(expression, `{namespace="watchers", pod=~"mine-collector-[^-]+"}`) {
				t.Error(expression)
			}
		}
	}
	if names < 30 {
		t.Errorf("%d rules", names)
	}
	if err := kit.Missing(kit.Template(t, "--set", watched+",monitoring.rules.ratesAgeSeconds=120,monitoring.rules.backupAgeSeconds=130,nameOverride=mine"), `> 120`, `deployment="mine"`, `> 130`, `cronjob="mine-backup"`, `"mine-(backup|drill)"`); err != nil {
		t.Error(err)
	}
}

func TestTheCollectorReadsTheFilesOfTheBanksNamespaceAndWritesNone(t *testing.T) {
	objects := kit.Rendered(t, "--set", watched)
	set := kit.Into[appsv1.DaemonSet](t, kit.Find(t, objects, "DaemonSet", "bank-collector"))
	container := set.Spec.Template.Spec.Containers[0]
	for _, mount := range container.VolumeMounts {
		if mount.Name == "pods" && !mount.ReadOnly {
			t.Error("it may write to the node")
		}
	}
	if security := container.SecurityContext; !*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation || len(security.Capabilities.Add) > 0 {
		t.Error(security)
	}
	if container.Env[2].Name != "BANK_PODS" || set.Namespace != "monitoring" || container.Env[0].Value != "money-bank" || container.Env[1].Value != "redis" {
		t.Error(set.Namespace, container.Env)
	}
	config := kit.Find(t, objects, "ConfigMap", "bank-collector").Object["data"].(map[string]any)["collector.yaml"].(string)
	if err := kit.Missing(config, "/var/log/pods/${env:BANK_NAMESPACE}_*/*/*.log"); err != nil {
		t.Error(err)
	}
}

// Another release in the namespace has a Collector of its own. Without the filter, both would count each line.
func TestTheCollectorCountsWhatPodsOfItsReleaseWrite(t *testing.T) {
	const flagger = ",runtime=bank,gateway.enabled=true,gateway.className=traefik,canary.flagger.enabled=true,executor.otlpEndpoint=http://bank-collector.monitoring:4318"
	long := strings.Repeat("b", 40)
	for _, row := range []struct{ values, pod, other string }{
		{"", "bank-7d9f8c6b5d-x2k4p", "bank-two-7d9f8c6b5d-x2k4p"},
		{"", "bank-6cc4d-x2k4p", "bank-canary-7d9f8c6b5d-x2k4p"},
		{"", "bank-7d9f8c6b5d-x2k4p", "neighbour-7d9f8c6b5d-x2k4p"},
		{"", "bank-7d9f8c6b5d-x2k4p", "bank-worker-x2k4p"},
		{",nameOverride=bank-two", "bank-two-7d9f8c6b5d-x2k4p", "bank-7d9f8c6b5d-x2k4p"},
		{",gateway.enabled=true,gateway.className=traefik,canary.enabled=true,canary.image.tag=next", "bank-canary-7d9f8c6b5d-x2k4p", "bank-two-canary-7d9f8c6b5d-x2k4p"},
		// A pod's name keeps at most 58 characters of its ReplicaSet's.
		{flagger + ",nameOverride=" + long, long + "-primary-7d9f8c6b5x2k4p", long + "-two-7d9f8c6b5d-x2k4p"},
	} {
		objects := kit.Rendered(t, "--set", watched+row.values)
		for _, object := range objects {
			if object.GetKind() != "DaemonSet" {
				continue
			}
			pods := regexp.MustCompile(kit.Into[appsv1.DaemonSet](t, object).Spec.Template.Spec.Containers[0].Env[2].Value)
			if !pods.MatchString(row.pod) || pods.MatchString(row.other) {
				t.Errorf("%q: %s: %s must be counted, %s not", row.values, pods, row.pod, row.other)
			}
		}
	}
}

func TestTracesAndLogsGoOnToWhereTheyAreSentAndNowhereElse(t *testing.T) {
	for values, wanted := range map[string][]string{
		"": nil,
		",monitoring.collector.tracesEndpoint=http://tempo.monitoring:4318":                                                               {"otlp_http/traces"},
		",monitoring.collector.logsEndpoint=http://loki.monitoring:4318":                                                                  {"otlp_http/logs"},
		",monitoring.collector.tracesEndpoint=http://tempo.monitoring:4318,monitoring.collector.logsEndpoint=http://loki.monitoring:4318": {"otlp_http/traces", "otlp_http/logs"},
	} {
		config := kit.Find(t, kit.Rendered(t, "--set", watched+values), "ConfigMap", "bank-collector").Object["data"].(map[string]any)["collector.yaml"].(string)
		for _, exporter := range []string{"otlp_http/traces", "otlp_http/logs"} {
			// The exporter is defined, and a pipeline ends in it.
			if is := strings.Count(config, exporter); is != map[bool]int{true: 2}[slices.Contains(wanted, exporter)] {
				t.Errorf("%q: %s is there %d times", values, exporter, is)
			}
		}
	}
}

// The Collector reads the bank's lines from files. The bank sends the same lines by OTLP: if they went on too, each would be stored twice.
func TestLogsGoOnOnce(t *testing.T) {
	objects := kit.Rendered(t, "--set", watched+",monitoring.collector.logsEndpoint=http://loki.monitoring:4318,executor.otlpEndpoint=http://bank-collector.monitoring:4318,networkPolicy.monitoringNamespaces={monitoring}")
	var config struct {
		Service struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	text := kit.Find(t, objects, "ConfigMap", "bank-collector").Object["data"].(map[string]any)["collector.yaml"].(string)
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if logs := config.Service.Pipelines["logs"]; !slices.Equal(logs.Receivers, []string{"filelog"}) {
		t.Errorf("logs come from %v", logs.Receivers)
	}
	// Logs sent by OTLP are accepted, and dropped.
	if sent := config.Service.Pipelines["logs/sent"]; !slices.Equal(sent.Receivers, []string{"otlp"}) || !slices.Contains(sent.Processors, "filter/sent") {
		t.Errorf("what is sent: %+v", sent)
	}
}

// Without an exporter, its absence must wake nobody.
func TestRedisIsMissedOnlyWhereItHasAnExporter(t *testing.T) {
	for values, wanted := range map[string]string{
		watched:                         "vector(1) == 1",
		"monitoring.rules.enabled=true": "vector(0) == 1",
		watched + ",redis.enabled=false,redis.external.url=redis://c:63": "vector(0) == 1",
	} {
		if err := kit.Missing(kit.Template(t, "--set", values), wanted); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// portsFrom lists the ports that a namespace may call.
func portsFrom(t *testing.T, policy, namespace string, arguments ...string) []int {
	var ports []int
	for _, rule := range policies(t, arguments...)[policy].Ingress {
		for _, peer := range rule.From {
			if peer.NamespaceSelector == nil || peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != namespace {
				continue
			}
			for _, port := range rule.Ports {
				ports = append(ports, port.Port.IntValue())
			}
		}
	}
	return ports
}

func TestPrometheusReachesTheExporterAndTheCollectorAndNothingElse(t *testing.T) {
	for policy, wanted := range map[string][]int{"bank-redis": {9121}, "bank-collector": {8889}, "bank": nil} {
		if ports := portsFrom(t, policy, "monitoring", "--set", watched); !slices.Equal(ports, wanted) {
			t.Errorf("%s: %v, not %v", policy, ports, wanted)
		}
	}
	if ports := portsFrom(t, "bank-redis", "monitoring"); len(ports) > 0 {
		t.Errorf("without an exporter: %v", ports)
	}
	// The Collector takes OTLP from the bank.
	if ports := portsFrom(t, "bank-collector", "money-bank", "--set", watched); !slices.Equal(ports, []int{4317, 4318}) {
		t.Errorf("OTLP: %v", ports)
	}
}

func TestTheExporterMayAskForNothingThatRedisHolds(t *testing.T) {
	script := kit.Into[appsv1.StatefulSet](t, kit.Find(t, kit.Rendered(t, "--set", watched), "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers[0].Args[0]
	if err := kit.Missing(script, `user exporter reset on -@all +ping +info +slowlog|len +latency|latest #%s\n`); err != nil {
		t.Error(err)
	}
}

// The exporter looks its password up by address, and since 1.69 by address with the user.
func TestEveryReleaseOfTheExporterFindsItsPassword(t *testing.T) {
	script := kit.Into[appsv1.StatefulSet](t, kit.Find(t, kit.Rendered(t, "--set", watched), "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers[0].Args[0]
	for _, address := range []string{`"redis://localhost:6379":"%s"`, `"redis://exporter@localhost:6379":"%s"`} {
		if err := kit.Missing(script, address); err != nil {
			t.Error(err)
		}
	}
}

func TestACollectorThatCanNotWorkIsRefused(t *testing.T) {
	for _, row := range []refusal{
		{"monitoring.collector.enabled=true,monitoring.collector.namespace=default", "monitoring.collector.namespace: the Collector reads files of the node"},
		{"monitoring.collector.tracesEndpoint=tempo:4318", "monitoring.collector.tracesEndpoint: must be scheme, host and port"},
		{"monitoring.collector.logsEndpoint=http://loki:4318/otlp", "monitoring.collector.logsEndpoint: must be scheme, host and port"},
		{"monitoring.collector.enabled=true,settings.logLevel=warn", "settings.logLevel: with warn requests are not logged"},
		{"monitoring.rules.enabled=true,settings.logLevel=error", "settings.logLevel: with error requests are not logged"},
		{"monitoring.rules.ratesAgeSeconds=0", "at '/monitoring/rules/ratesAgeSeconds'"},
	} {
		row.isRefused(t)
	}
}
