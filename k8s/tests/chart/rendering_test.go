package chart

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"moneybank/k8s/tests/kit/spinkube"

	"sigs.k8s.io/yaml"
)

func TestTheManifestsAreTheChartsRenderings(t *testing.T) {
	folder := t.TempDir()
	kit.Run(t, kit.At("k8s/render"), folder)
	for _, environment := range kit.Overlays {
		for _, file := range []string{"bank.yaml", "kustomization.yaml"} {
			path := filepath.Join(environment, file)
			if kit.Read(t, filepath.Join(folder, path)) != kit.Read(t, "k8s/manifests/"+path) {
				t.Errorf("k8s/manifests/%s differs from the chart: run `make chart`", path)
			}
		}
	}
}

func TestNoSecretIsEverInAManifest(t *testing.T) {
	for _, environment := range kit.Overlays {
		for _, object := range kit.Objects(t, kit.Read(t, "k8s/manifests/"+environment+"/bank.yaml")) {
			if object.GetKind() == "Secret" {
				t.Errorf("%s holds the Secret %s", environment, object.GetName())
			}
		}
	}
}

// everything switches on what no environment uses.
var everything = []string{"--values", kit.At("k8s/tests/chart/everything.yaml")}

func renderings(t *testing.T) map[string][]string {
	all := map[string][]string{"defaults": nil, "everything": everything,
		"everything on bank": append(slices.Clone(everything), "--set", onBank+",runtimeClass.create=false,redis.tls.caSecret=mine,tls.pods.enabled=true,tls.pods.issuer=inside,tls.pods.caConfigMap=inside"),
		"sqlite":             {"--set", onSQLite},
		"flagger":            append(slices.Clone(withFlagger), "--set", "autoscaling.enabled=true,tls.mode=selfSigned"),
		"openshift on bank":  {"--values", kit.Values("prod"), "--values", kit.Chart + "/controllers/openshift.yaml", "--set", onBank},
	}
	for _, environment := range kit.Environments {
		all[environment] = []string{"--values", kit.Values(environment)}
	}
	controllers, _ := os.ReadDir(kit.Chart + "/controllers")
	if len(controllers) == 0 {
		t.Fatal("no controllers")
	}
	for _, file := range controllers {
		all[file.Name()] = []string{"--values", kit.Values("prod"), "--values", kit.Chart + "/controllers/" + file.Name()}
	}
	maps.Copy(all, vaults(t))
	maps.Copy(all, meshes())
	return all
}

func TestNothingRenderedIsEmpty(t *testing.T) {
	for name, arguments := range renderings(t) {
		for _, object := range kit.Rendered(t, arguments...) {
			for _, path := range empty("", object.Object) {
				t.Errorf("%s: %s %s: %s is empty", name, object.GetKind(), object.GetName(), path)
			}
		}
	}
}

func empty(path string, value any) []string {
	var found []string
	switch value := value.(type) {
	case nil:
		found = append(found, path)
	case map[string]any:
		if len(value) == 0 {
			found = append(found, path)
		}
		for name, inner := range value {
			found = append(found, empty(path+"."+name, inner)...)
		}
	case []any:
		// The operator's webhook writes null where headers are missing.
		if len(value) == 0 && !strings.HasSuffix(path, ".httpGet.httpHeaders") {
			found = append(found, path)
		}
		for index, inner := range value {
			found = append(found, empty(fmt.Sprintf("%s[%d]", path, index), inner)...)
		}
	case string:
		// The core API group is written as an empty string, and so is a label that only has to be there.
		if value == "" && !strings.HasSuffix(path, ".apiGroups[0]") && !strings.HasSuffix(path, ".group") && !strings.Contains(path, ".matchLabels.") {
			found = append(found, path)
		}
	}
	return found
}

func TestEveryObjectIsLabelledAndInTheNamespaceOfTheRelease(t *testing.T) {
	clusterWide := map[string]bool{"Namespace": true, "RuntimeClass": true, "ClusterIssuer": true,
		"MutatingAdmissionPolicy": true, "MutatingAdmissionPolicyBinding": true}
	for name, arguments := range renderings(t) {
		for _, object := range kit.Rendered(t, arguments...) {
			labels := object.GetLabels()
			if labels["app.kubernetes.io/part-of"] != "money-bank" || labels["app.kubernetes.io/instance"] != "bank" {
				t.Errorf("%s: %s %s has labels %v", name, object.GetKind(), object.GetName(), labels)
			}
			if clusterWide[object.GetKind()] != (object.GetNamespace() == "") {
				t.Errorf("%s: %s %s is in %q", name, object.GetKind(), object.GetName(), object.GetNamespace())
			}
		}
	}
}

func TestAnImageIsTakenByItsDigestWhereThereIsOne(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	app := kit.Find(t, kit.Rendered(t, "--set", "image.digest="+digest+",image.tag=1.2"), "SpinApp", "bank")
	if image := app.Object["spec"].(map[string]any)["image"]; image != "ghcr.io/money-bank/money-bank@"+digest {
		t.Error(image)
	}
}

// As release/build packs it.
func TestAReleasedChartTakesTheImagesThatItWasReleasedWith(t *testing.T) {
	app, bank := "sha256:"+strings.Repeat("ab", 32), "sha256:"+strings.Repeat("cd", 32)
	chart := t.TempDir() + "/chart"
	kit.Run(t, "cp", "-r", kit.Chart, chart)
	kit.Write(t, chart+"/Chart.yaml", kit.Read(t, chart+"/Chart.yaml")+"annotations:\n  money-bank/app-digest: "+app+"\n  money-bank/bank-digest: "+bank+"\n")
	var version struct{ AppVersion string }
	if err := yaml.Unmarshal([]byte(kit.Read(t, chart+"/Chart.yaml")), &version); err != nil {
		t.Fatal(err)
	}
	for arguments, wanted := range map[string][]string{
		"":                                 {"money-bank@" + app, "money-bank-bank@" + bank},
		"runtime=bank":                     {"money-bank-bank@" + bank},
		"image.tag=1.2":                    {"money-bank:1.2", "money-bank-bank:1.2"},
		"image.repository=here/it":         {"it:" + version.AppVersion, "money-bank-bank@" + bank},
		"image.digest=" + bank:             {"money-bank@" + bank, "money-bank-bank@" + bank},
		"runtime=bank,image.digest=" + app: {"money-bank-bank@" + app},
	} {
		rendered := kit.Run(t, kit.Tool("helm"), "template", "bank", chart, "--values", kit.InFront, "--set", "backup.enabled=true,podPolicy.enabled=false,"+arguments)
		images := map[string]bool{}
		for _, image := range regexp.MustCompile(`image: "?[^" ]*/((?:money-bank|it)[^" \n]*)`).FindAllStringSubmatch(rendered, -1) {
			images[image[1]] = true
		}
		if names := slices.Sorted(maps.Keys(images)); !slices.Equal(names, slices.Sorted(slices.Values(wanted))) {
			t.Errorf("%s: %v, not %v", arguments, names, wanted)
		}
	}
}

// variables lists those of the SpinApp.
func variables(t *testing.T, arguments ...string) map[string]string {
	app := kit.Into[spinkube.SpinApp](t, kit.Find(t, kit.Rendered(t, arguments...), "SpinApp", "bank"))
	set := map[string]string{}
	for _, variable := range app.Spec.Variables {
		set[variable.Name] = variable.Value
	}
	return set
}

// The value comes from a file: --set would make it an integer anyway.
func TestALargeNumberReachesTheApplicationInDigits(t *testing.T) {
	values := kit.Write(t, t.TempDir()+"/values.yaml", "settings: {storageDeadlineMs: 60000, ratesTtlSeconds: 86400, ratesMaxStaleSeconds: 31536000}")
	set := variables(t, "--values", values)
	for name, value := range map[string]string{"storage_deadline_ms": "60000", "rates_ttl_seconds": "86400", "rates_max_stale_seconds": "31536000"} {
		if set[name] != value {
			t.Errorf("%s is %q", name, set[name])
		}
	}
}

func TestEveryVariableOfTheApplicationIsGivenAndNoOther(t *testing.T) {
	_, section, _ := strings.Cut(kit.Read(t, "spin.toml"), "\n[variables]\n")
	section, _, _ = strings.Cut(section, "\n[")
	var declared []string
	for _, row := range regexp.MustCompile("(?m)^([a-z_]+) *=").FindAllStringSubmatch(section, -1) {
		declared = append(declared, row[1])
	}
	all := map[string]string{}
	// Keys come from one of two places.
	for _, keys := range []string{"auth.secret.secretName=mine", "auth.jwksUrl=https://login.example.com/keys"} {
		maps.Copy(all, variables(t, "--set", "coingeckoApiKey.secretName=coingecko,settings.corsOrigins=https://a.example https://b.example",
			"--values", kit.Values("prod"), "--set", keys))
	}
	given := slices.Sorted(maps.Keys(all))
	slices.Sort(declared)
	if len(declared) == 0 || !slices.Equal(declared, given) {
		t.Errorf("spin.toml declares %v, the chart gives %v", declared, given)
	}
}

func TestALargeBudgetIsWrittenInDigits(t *testing.T) {
	values := kit.Write(t, t.TempDir()+"/values.yaml", "disruptionBudget: {maxUnavailable: 1000000}")
	if err := kit.Missing(kit.Template(t, "--values", values), "maxUnavailable: 1000000\n"); err != nil {
		t.Error(err)
	}
}

// When the autoscaler is turned off under load, more than one pod must stay.
func TestWithoutTheAutoscalerAsManyPodsRunAsItsLeast(t *testing.T) {
	for environment, replicas := range map[string]int32{"staging": 2, "prod": 3} {
		app := kit.Into[spinkube.SpinApp](t, spinApp(t, "--values", kit.Values(environment), "--set", "autoscaling.enabled=false"))
		if app.Spec.Replicas != replicas {
			t.Errorf("%s: %d", environment, app.Spec.Replicas)
		}
	}
}

func TestAPrometheusFindsTheProbeByItsLabels(t *testing.T) {
	probe := kit.Find(t, kit.Rendered(t, "--set", "monitoring.blackboxExporter=blackbox.monitoring:9115,monitoring.labels.release=stack,monitoring.labels.environment=mine"), "Probe", "bank")
	if labels := probe.GetLabels(); labels["release"] != "stack" || labels["environment"] != "dev" {
		t.Error(labels)
	}
}

// The alert BankUnreachable reads probes of `/healthz`: one inside the cluster, one by the way that users go.
func TestTheProbeAsksTheWayThatUsersGo(t *testing.T) {
	const inside = "http://bank.money-bank.svc/readyz http://bank.money-bank.svc/healthz"
	for values, wanted := range map[string]string{
		"host=bank.example.com":                                          inside,
		"host=bank.example.com,ingress.enabled=true":                     inside + " http://bank.example.com/healthz",
		"host=bank.example.com,ingress.enabled=true,tls.mode=selfSigned": inside + " https://bank.example.com/healthz",
		"host=bank.example.com,gateway.enabled=true,gateway.className=a": inside + " http://bank.example.com/healthz",
		"host=bank.example.com,route.enabled=true":                       inside + " https://bank.example.com/healthz",
		// This address is the exporter's own machine.
		"ingress.enabled=true": inside,
	} {
		probe := kit.Find(t, kit.Rendered(t, "--set", "monitoring.blackboxExporter=blackbox.monitoring:9115,"+values), "Probe", "bank")
		targets, _, _ := unstructured.NestedStringSlice(probe.Object, "spec", "targets", "staticConfig", "static")
		if strings.Join(targets, " ") != wanted {
			t.Errorf("%s: %v", values, targets)
		}
	}
}

// Kubernetes turns `$$` into `$` in a container's arguments, and a shell would read `$$` as the number of its process.
func TestNoContainerIsGivenTwoDollarSigns(t *testing.T) {
	for name, arguments := range renderings(t) {
		for _, object := range kit.Rendered(t, arguments...) {
			if object.GetKind() == "ConfigMap" {
				continue // The Collector's file has two on purpose: only the Collector reads it.
			}
			text, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "$$") {
				t.Errorf("%s: %s %s: %s", name, object.GetKind(), object.GetName(), text)
			}
		}
	}
}
