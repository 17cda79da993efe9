package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"sigs.k8s.io/yaml"
)

// refusal has values for --set that the chart refuses, and a part of the message.
type refusal struct{ values, says string }

func (row refusal) isRefused(t *testing.T) {
	output, err := kit.Try(kit.Tool("helm"), "template", "bank", kit.Chart, "--set", row.values)
	if err == nil {
		t.Errorf("%s is accepted", row.values)
	} else if err := kit.Missing(output, row.says); err != nil {
		t.Errorf("%s: %v", row.values, err)
	}
}

// Each row is a likely mistake, and a part of the message for it.
var refused = []refusal{
	{"replicas=-1", "at '/replicas': minimum: got -1, want 1"},
	{"replicas=0", "at '/replicas': minimum: got 0, want 1"},
	{"replicas=two", "at '/replicas': got string, want integer"},
	{"settings.store=mongo", "at '/settings/store': value must be one of 'kv', 'redis'"},
	{"settings.logLevel=loud", "at '/settings/logLevel': value must be one of"},
	{"settings.storageDeadlineMs=0", "at '/settings/storageDeadlineMs': minimum"},
	{"settings.coingeckoOrigin=api.coingecko.com", "settings.coingeckoOrigin: must be scheme and host"},
	{"settings.coingeckoApiKeyHeader=x: y", "settings.coingeckoApiKeyHeader: must be the name of a header"},
	{"settings.corsOrigins=https://a.example/path", "settings.corsOrigins: must be origins"},
	{"environment=production", "at '/environment': value must be one of 'dev', 'staging', 'prod'"},
	{"auth.mode=none", "at '/auth/mode': value must be one of 'header', 'jwt'"},
	{"auth.issuer=login.example.com", "auth.issuer: must be the issuer's address"},
	{"auth.issuer=https://login.example.com/?a=b", "auth.issuer: must be the issuer's address"},
	{"auth.jwksUrl=keys.json", "auth.jwksUrl: must be the address of a JSON Web Key Set"},
	{"auth.scopes=wallet", "at '/auth/scopes': got string, want boolean"},
	{"auth.clientId=money bank", "at '/auth/clientId'"},
	{"auth.userClaim=", "at '/auth/userClaim'"},
	{"auth.secret.secretName=My", "at '/auth/secret/secretName'"},
	{"tls.mode=on", "at '/tls/mode': value must be one of"},
	{"redis.maxMemory=lots", "redis.maxMemory: must be a number and mb or gb"},
	{"redis.storage.size=10", "at '/redis/storage/size': got number, want string"},
	{"redis.storage.size=10GB", "redis.storage.size: must be a number and Mi, Gi or Ti"},
	{"executor.otlpEndpoint=http://collector:4318/v1", "executor.otlpEndpoint: must be scheme, host and port"},
	{"podPolicy.spreadOver=a zone", "podPolicy.spreadOver: must be the name of a node's label"},
	{"monitoring.blackboxExporter=http://blackbox.monitoring:9115", "monitoring.blackboxExporter: must be host and port, such as blackbox.monitoring:9115"},
	{"monitoring.labels.release=a b", "at '/monitoring/labels/release'"},
	{"image.tag=a b", "image.tag: must be letters, digits"},
	{"host=", "host: must be a name in lower case"},
	{"quota=null", "at '': missing property 'quota'"},
	{"replicas=null", "at '': missing property 'replicas'"},
	{"networkPolicy.dns.ports=null", "at '/networkPolicy/dns': missing property 'ports'"},
	{"redis.replicas=3", "additional properties 'replicas' not allowed"},
	{"image.digest=latest", "image.digest: must be sha256:"},
	{"host=https://bank.example.com", "host: must be a name in lower case"},
	{"podPolicy.runAsUser=0", "at '/podPolicy/runAsUser': minimum"},
	{"resources.requests.memory=much", "at '/resources/requests/memory'"},
	{"networkPolicy.ingressNamespaces=ingress", "at '/networkPolicy/ingressNamespaces': got string, want array"},
	{"image.tag=-1", "at '/image/tag'"}, {"image.kind=oci", "at '/image/kind': value must be one of 'plain', 'artifact'"},
	{"networkPolicy.dns.ports={dns}", "at '/networkPolicy/dns/ports/0': got string, want integer"},
	{"networkPolicy.ingressNamespaces={Traefik}", "at '/networkPolicy/ingressNamespaces/0'"},
	{"canary.weight=101", "at '/canary/weight': maximum: got 101, want 100"},
	{"canary.image.digest=latest", "canary.image.digest: must be sha256:"},
	{"canary.image.tag=a b", "canary.image.tag: must be letters, digits"},
	{"canary.image.repository=ghcr.io/you/money-bank:2", "canary.image.repository: ghcr.io/you/money-bank:2: set the tag in canary.image.tag"},
	{"mesh.kind=consul", "at '/mesh/kind': value must be one of '', 'istio', 'ambient', 'linkerd'"},
	{"runtime=spin", "at '/runtime': value must be one of 'spinkube', 'bank'"},
	{"store.sqlite.size=10", "at '/store/sqlite/size': got number, want string"},
	{"store.sqlite.size=10GB", "store.sqlite.size: must be a number and Mi, Gi or Ti"},
	{"replica=2", "additional properties 'replica' not allowed"},
}

func TestNonsenseIsRefusedWithAMessageThatSaysWhere(t *testing.T) {
	for _, row := range refused {
		row.isRefused(t)
	}
}

func TestTheChartPassesLintForEveryEnvironment(t *testing.T) {
	for _, environment := range kit.Environments {
		kit.Run(t, kit.Tool("helm"), "lint", "--strict", kit.Chart, "--values", kit.Values(environment))
	}
}

// paths lists the dotted names of a tree's leaves. An empty or free-form map is a leaf.
func paths(prefix string, tree map[string]any) []string {
	var names []string
	for name, value := range tree {
		inner, isMap := value.(map[string]any)
		free := strings.HasPrefix(prefix+name, "quota.hard") || strings.HasPrefix(prefix+name, "limitRange.default") ||
			strings.HasSuffix(name, "requests") || strings.HasSuffix(name, "limits")
		if isMap && len(inner) > 0 && !free {
			names = append(names, paths(prefix+name+".", inner)...)
		} else {
			names = append(names, prefix+name)
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryValueIsDocumentedAndNoOther(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(kit.Read(t, "k8s/chart/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z0-9.]+)` \\|").FindAllStringSubmatch(kit.Read(t, "k8s/chart/README.md"), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	for _, name := range paths("", values) {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not in k8s/chart/README.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(paths("", values), name) {
			t.Errorf("%s is in k8s/chart/README.md, but not in values.yaml", name)
		}
	}
}

func TestEveryValueIsUsed(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(kit.Read(t, "k8s/chart/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var templates strings.Builder
	_ = filepath.WalkDir(kit.Chart+"/templates", func(path string, entry os.DirEntry, _ error) error {
		if !entry.IsDir() {
			templates.WriteString(kit.Read(t, path))
		}
		return nil
	})
	for _, path := range paths("", values) {
		// Templates write probes and resources as a whole.
		path = strings.TrimSuffix(strings.TrimSuffix(path, ".requests"), ".limits")
		if strings.HasPrefix(path, "probes.") {
			path = "probes"
		}
		// Templates pass settings on by name. Another test checks that the application has these names.
		if strings.HasPrefix(path, "settings.") {
			path = "settings"
		}
		// Inside `with` a template writes only the last part.
		last := path[strings.LastIndex(path, ".")+1:]
		if !regexp.MustCompile(`\.` + last + `\b`).MatchString(templates.String()) {
			t.Errorf("no template uses %s", path)
		}
	}
}
