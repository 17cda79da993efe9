package chart

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// behind renders prod behind a controller, without the other values that tests set for a cluster.
func behind(t *testing.T, controller string, arguments ...string) []unstructured.Unstructured {
	t.Helper()
	return kit.Objects(t, kit.Run(t, kit.Tool("helm"), append([]string{"template", "bank", kit.Chart, "--namespace", "money-bank", "--kube-version", "1.37",
		"--values", kit.Values("prod"), "--values", kit.Chart + "/controllers/" + controller}, arguments...)...))
}

func controllers(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(kit.Chart + "/controllers")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

func TestEveryControllerIsLetInAndDescribed(t *testing.T) {
	for _, name := range controllers(t) {
		policy := kit.Into[networkingv1.NetworkPolicy](t, kit.Find(t, behind(t, name), "NetworkPolicy", "bank"))
		if peers := len(policy.Spec.Ingress[0].From); peers < 2 {
			t.Errorf("%s: only %d may call the application", name, peers)
		}
		if !strings.Contains(kit.Read(t, "k8s/chart/README.md"), "`"+name+"`") {
			t.Errorf("%s is not in the chart's README", name)
		}
	}
}

// The bank waits storage_deadline_ms for its store and 10 s for a body. A proxy that gives up earlier cuts an answer off.
func TestNoProxyGivesUpBeforeTheBankDoes(t *testing.T) {
	seconds := regexp.MustCompile(`(?i)"([^"]*(?:timeout|request))":"(\d+)s?"`)
	for _, name := range controllers(t) {
		for _, object := range behind(t, name, "--set", "settings.storageDeadlineMs=60000") {
			if !strings.Contains("Ingress HTTPRoute Route ClientTrafficPolicy ClientSettingsPolicy", object.GetKind()) {
				continue
			}
			text, _ := object.MarshalJSON()
			for _, found := range seconds.FindAllStringSubmatch(string(text), -1) {
				if value, _ := strconv.Atoi(found[2]); value < 71 && !strings.Contains(found[1], "connect") {
					t.Errorf("%s: %s %s: %s", name, object.GetKind(), object.GetName(), found[0])
				}
			}
		}
	}
}

func TestTraefikRedirectsAndSetsHSTSByMiddlewaresOfTheRelease(t *testing.T) {
	objects := behind(t, "traefik.yaml")
	ingress := kit.Find(t, objects, "Ingress", "bank")
	named := ingress.GetAnnotations()["traefik.ingress.kubernetes.io/router.middlewares"]
	for _, which := range []string{"redirect", "hsts"} {
		kit.Find(t, objects, "Middleware", "bank-"+which)
		if err := kit.Missing(named, fmt.Sprintf("money-bank-bank-%s@kubernetescrd", which)); err != nil {
			t.Error(err)
		}
	}
	// Without TLS there is no redirect to it.
	for _, object := range behind(t, "traefik.yaml", "--set", "environment=dev,tls.mode=none") {
		if object.GetKind() == "Middleware" || strings.Contains(fmt.Sprint(object.GetAnnotations()), "middlewares") {
			t.Errorf("without TLS: %s %s", object.GetKind(), object.GetName())
		}
	}
}

func TestAnIngressWithoutItsControllersNamespaceIsRefused(t *testing.T) {
	for _, way := range []string{"ingress.enabled=true", "gateway.enabled=true,gateway.className=any"} {
		output, err := kit.Try(kit.Tool("helm"), "template", "bank", kit.Chart, "--set", way)
		if err == nil || kit.Missing(output, "set the namespace of your ingress controller", "--values k8s/chart/controllers/") != nil {
			t.Errorf("%s: %v\n%s", way, err, output)
		}
	}
	kit.Run(t, kit.Tool("helm"), "template", "bank", kit.Chart, "--set", "ingress.enabled=true,networkPolicy.enabled=false")
}

// helm test calls the controller by its own name, as the host, and trusts the certificate that was made.
func TestHelmTestGoesTheWayThatUsersGo(t *testing.T) {
	output := kit.Template(t, "--values", kit.Values("dev"), "--values", kit.Chart+"/controllers/traefik.yaml")
	if err := kit.Missing(output, `{name: PUBLIC_URL, value: "https://bank.localhost"}`, `{name: CONTROLLER, value: "traefik.traefik.svc"}`,
		"{name: CURL_CA_BUNDLE, value: /tls/ca.crt}", `secret: {secretName: "bank-tls", items: [{key: tls.crt, path: ca.crt}]}`); err != nil {
		t.Error(err)
	}
}

// Nobody trusts the controllers' staging certificates. A private authority is trusted only by clients that are told to.
func TestHelmTestTrustsWhomItIsToldTo(t *testing.T) {
	prod := behind(t, "traefik.yaml")
	for name, row := range map[string]struct {
		objects       []unstructured.Unstructured
		says, silence string
	}{
		"prod":    {prod, `"CONTROLLER"`, `"SKIP_VERIFICATION"`},
		"staging": {behind(t, "traefik.yaml", "--values", kit.Values("staging"), "--set", "redis.storage.size=50Gi"), `"SKIP_VERIFICATION"`, `"CURL_CA_BUNDLE"`},
		"private": {behind(t, "traefik.yaml", "--set", "test.caSecret=authority"), `"secretName":"authority"`, `"SKIP_VERIFICATION"`},
	} {
		pod := kit.Find(t, row.objects, "Pod", "bank-test")
		text, _ := pod.MarshalJSON()
		if !strings.Contains(string(text), row.says) || strings.Contains(string(text), row.silence) {
			t.Errorf("%s: %s", name, text)
		}
	}
	// What the script makes of it: the arguments of curl.
	folder := t.TempDir()
	kit.Write(t, folder+"/curl", "#!/bin/sh\necho \"$@\"\n")
	if err := os.Chmod(folder+"/curl", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("BANK_URL", "http://bank")
	for value, asked := range map[string]bool{"": false, "yes": true} {
		t.Setenv("SKIP_VERIFICATION", value)
		if output, _ := kit.Try("sh", kit.Chart+"/files/check.sh"); strings.Contains(output, "--insecure") != asked || !strings.Contains(output, "http://bank/readyz") {
			t.Errorf("SKIP_VERIFICATION=%s: %s", value, output)
		}
	}
}

// The pod must outlast its own loop, which waits at most 10 s, 12 times.
func TestHelmTestHasTimeForItsLoop(t *testing.T) {
	pod := kit.Find(t, behind(t, "traefik.yaml"), "Pod", "bank-test")
	if deadline := kit.Into[corev1.Pod](t, pod).Spec.ActiveDeadlineSeconds; *deadline < 180 {
		t.Errorf("it ends after %d s", *deadline)
	}
}

// F5's controller refuses a whole Ingress that has a snippet, unless it is configured to allow them.
func TestNoIngressHoldsASnippet(t *testing.T) {
	for _, name := range controllers(t) {
		for _, object := range behind(t, name) {
			for annotation := range object.GetAnnotations() {
				if strings.Contains(annotation, "snippet") {
					t.Errorf("%s: %s %s: %s", name, object.GetKind(), object.GetName(), annotation)
				}
			}
		}
	}
}

// In Helm a list replaces a list: what a user adds must not remove what the controller needs.
func TestAUsersObjectsComeBesideThoseOfTheController(t *testing.T) {
	mine := []string{"--set-json", `extraObjects=[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mine"},"data":{"a":"b"}},
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: second}\n"]`}
	objects := behind(t, "traefik.yaml", mine...)
	for _, name := range []string{"bank-redirect", "bank-hsts"} {
		kit.Find(t, objects, "Middleware", name)
	}
	for _, name := range []string{"mine", "first", "second"} {
		if object := kit.Find(t, objects, "ConfigMap", name); object.GetNamespace() != "money-bank" {
			t.Errorf("%s is in %q", name, object.GetNamespace())
		}
	}
}

// As with `make deploy` without a URL: the controller's file may be given, but its objects would belong to nothing.
func TestAControllersObjectsAreMadeWhereSomethingLeadsIn(t *testing.T) {
	for _, name := range controllers(t) {
		for _, object := range behind(t, name, "--set", "ingress.enabled=false,gateway.enabled=false,route.enabled=false,tls.mode=none,test.controller=") {
			if strings.Contains("Middleware EnvoyFilter ClientTrafficPolicy ClientSettingsPolicy", object.GetKind()) {
				t.Errorf("%s: %s %s", name, object.GetKind(), object.GetName())
			}
		}
	}
}

// Everything that names the Gateway must name the same one: the NetworkPolicy shuts out the proxies of another.
func TestAParentGatewayIsMeantWhereverAGatewayIsNamed(t *testing.T) {
	for file, kind := range map[string]string{"gateway-istio.yaml": "EnvoyFilter", "gateway-envoy.yaml": "ClientTrafficPolicy", "gateway-nginx.yaml": "ClientSettingsPolicy"} {
		for namespace, want := range map[string]string{"": "money-bank", "edge": "edge"} {
			objects := behind(t, file, "--set", "gateway.inNamespace=true,gateway.className=,gateway.parent.name=shared,tls.mode=secret,tls.secretName=own,gateway.parent.namespace="+namespace)
			for _, object := range objects {
				text, _ := object.MarshalJSON()
				switch object.GetKind() {
				case "HTTPRoute", kind:
					if err := kit.Missing(string(text), `"shared"`); err != nil {
						t.Errorf("%s: %s %s: %v", file, object.GetKind(), object.GetName(), err)
					}
					if object.GetKind() == kind && object.GetNamespace() != want {
						t.Errorf("%s: %s is in %s, the Gateway in %s", file, kind, object.GetNamespace(), want)
					}
				case "NetworkPolicy":
					if strings.Contains(string(text), "gateway-name") && (!strings.Contains(string(text), `"gateway.networking.k8s.io/gateway-name":"shared"`) ||
						strings.Contains(string(text), `"edge"`) != (namespace == "edge")) {
						t.Errorf("%s: %s", file, text)
					}
				case "Gateway":
					t.Errorf("%s: a Gateway is made", file)
				}
			}
		}
	}
}

// Strict YAML readers refuse an object that has the same key twice.
func TestTheIssuerOfAParentGatewayNamesItsNamespaceOnce(t *testing.T) {
	output := kit.Template(t, "--show-only", "templates/clusterissuer.yaml", "--set", "gateway.enabled=true,gateway.parent.name=shared,gateway.parent.namespace=money-bank,"+
		"tls.mode=certManager,tls.certManager.issuer=le,tls.certManager.letsEncrypt=staging,tls.certManager.email=a@b")
	if strings.Count(output, "namespace:") != 1 || !strings.Contains(output, `name: "shared"`) {
		t.Error(output)
	}
}
