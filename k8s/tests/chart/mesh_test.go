package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Values that switch on everything that the mesh affects.
const meshed = "mesh.callers={edge/gateway},backup.enabled=true,monitoring.redisExporter.enabled=true,monitoring.blackboxExporter=blackbox.monitoring:9115," +
	"gateway.enabled=true,gateway.className=edge,canary.enabled=true,canary.image.tag=2,executor.otlpEndpoint=http://bank-collector.monitoring:4318,monitoring.collector.enabled=true"

func meshes() map[string][]string {
	all := map[string][]string{"istio behind its gateway": {"--values", kit.Chart + "/controllers/gateway-istio.yaml", "--set", "mesh.kind=istio"}}
	for _, kind := range []string{"istio", "ambient", "linkerd"} {
		for _, runtime := range []string{"spinkube", "bank"} {
			all[kind+" on "+runtime] = inMesh(kind, runtime)
		}
	}
	return all
}

func inMesh(kind, runtime string) []string {
	return []string{"--set", meshed + ",mesh.kind=" + kind + ",runtime=" + runtime}
}

// podsOf maps each object of the release that makes pods to their template.
func podsOf(t *testing.T, objects []unstructured.Unstructured) map[string]corev1.PodTemplateSpec {
	t.Helper()
	found := map[string]corev1.PodTemplateSpec{}
	for _, object := range objects {
		name := object.GetKind() + " " + object.GetName()
		switch object.GetKind() {
		case "SpinApp":
			app := kit.Into[spinkube.SpinApp](t, object)
			found[name] = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app.Spec.PodLabels, Annotations: app.Spec.PodAnnotations},
				Spec: corev1.PodSpec{ServiceAccountName: app.Spec.ServiceAccountName}}
		case "Deployment":
			found[name] = kit.Into[appsv1.Deployment](t, object).Spec.Template
		case "StatefulSet":
			found[name] = kit.Into[appsv1.StatefulSet](t, object).Spec.Template
		case "DaemonSet":
			found[name] = kit.Into[appsv1.DaemonSet](t, object).Spec.Template
		case "CronJob":
			found[name] = kit.Into[batchv1.CronJob](t, object).Spec.JobTemplate.Spec.Template
		case "Pod":
			pod := kit.Into[corev1.Pod](t, object)
			found[name] = corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
		}
	}
	return found
}

// Pods that the mesh's rules name are in the mesh. A drill and the Collector are not, and opt out where the namespace
// injects proxies into all of its pods.
func TestAMeshTakesInThePodsThatNeedItAndNoOther(t *testing.T) {
	marks := map[string]func(corev1.PodTemplateSpec) string{
		"istio":   func(pod corev1.PodTemplateSpec) string { return pod.Labels["sidecar.istio.io/inject"] },
		"ambient": func(pod corev1.PodTemplateSpec) string { return pod.Labels["istio.io/dataplane-mode"] },
		"linkerd": func(pod corev1.PodTemplateSpec) string { return pod.Annotations["linkerd.io/inject"] },
	}
	words := map[string][2]string{"istio": {"true", "false"}, "ambient": {"ambient", "none"}, "linkerd": {"enabled", "disabled"}}
	for runtime, apps := range map[string]string{"spinkube": "SpinApp", "bank": "Deployment"} {
		for kind, mark := range marks {
			pods := podsOf(t, kit.Rendered(t, inMesh(kind, runtime)...))
			wanted := map[string]string{apps + " bank": words[kind][0], apps + " bank-canary": words[kind][0], "StatefulSet bank-redis": words[kind][0],
				"CronJob bank-backup": words[kind][0], "Pod bank-test": words[kind][0], "CronJob bank-drill": words[kind][1], "DaemonSet bank-collector": ""}
			if len(pods) != len(wanted) {
				t.Errorf("%s on %s: %d kinds of pods", kind, runtime, len(pods))
			}
			for name, word := range wanted {
				if got := mark(pods[name]); got != word {
					t.Errorf("%s on %s: %s says %q, not %q", kind, runtime, name, got, word)
				}
			}
		}
	}
}

// A proxy that ran on would keep a Job from ending. One that ended first would cut off what it served.
func TestProxiesStartBeforeAndEndAfterWhatTheyServe(t *testing.T) {
	for kind, annotation := range map[string]string{"istio": "sidecar.istio.io/nativeSidecar", "linkerd": "config.beta.linkerd.io/proxy-enable-native-sidecar"} {
		for name, pod := range podsOf(t, kit.Rendered(t, inMesh(kind, "bank")...)) {
			native := name != "CronJob bank-drill" && name != "DaemonSet bank-collector"
			if got := pod.Annotations[annotation] == "true"; got != native {
				t.Errorf("%s: %s: %t", kind, name, got)
			}
		}
	}
}

// Which callers a mesh's objects allow: "NAMESPACE/SERVICEACCOUNT port" for the pods of a component.
func TestInAMeshOnlyTheGatewayReachesTheBankAndOnlyTheBankReachesRedis(t *testing.T) {
	for _, runtime := range []string{"spinkube", "bank"} {
		port := map[string]string{"spinkube": "80", "bank": "3000"}[runtime]
		bank, redis := []string{"edge/gateway " + port, "money-bank/bank-test " + port}, []string{"anybody 9121", "money-bank/bank 6379"}
		for kind, wanted := range map[string]map[string][]string{
			"istio":   {"app": append(bank, "monitoring/* "+port+" GET /readyz /healthz"), "redis": redis},
			"ambient": {"app": append(bank, "monitoring/* "+port), "redis": redis},
			"linkerd": {"app": append(bank, "monitoring/* "+port), "redis": redis},
		} {
			objects := kit.Rendered(t, inMesh(kind, runtime)...)
			read := allowedByIstio
			if kind == "linkerd" {
				read = allowedByLinkerd
			}
			for component, callers := range read(t, objects) {
				slices.Sort(callers)
				slices.Sort(wanted[component])
				if !slices.Equal(callers, wanted[component]) {
					t.Errorf("%s on %s: %s is called by %q, not %q", kind, runtime, component, callers, wanted[component])
				}
			}
			for name, pod := range podsOf(t, objects) {
				account := map[string]string{"Pod bank-test": "bank-test", "StatefulSet bank-redis": "", "DaemonSet bank-collector": ""}
				want, other := account[name]
				if !other {
					want = "bank"
				}
				if pod.Spec.ServiceAccountName != want {
					t.Errorf("%s is %q", name, pod.Spec.ServiceAccountName)
				}
			}
		}
	}
}

func at[T any](t *testing.T, object map[string]any, path ...string) T {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(object, path...)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := value.(T)
	return found
}

func allowedByIstio(t *testing.T, objects []unstructured.Unstructured) map[string][]string {
	allowed, strict := map[string][]string{"app": nil, "redis": nil}, map[string]string{}
	for _, object := range objects {
		component := at[string](t, object.Object, "spec", "selector", "matchLabels", "app.kubernetes.io/component")
		switch object.GetKind() {
		case "PeerAuthentication":
			strict[component] = fmt.Sprint(at[map[string]any](t, object.Object, "spec", "mtls"), at[map[string]any](t, object.Object, "spec", "portLevelMtls"))
		case "AuthorizationPolicy":
			if at[string](t, object.Object, "spec", "action") != "ALLOW" {
				t.Error(object)
			}
			for _, rule := range at[[]any](t, object.Object, "spec", "rules") {
				allowed[component] = append(allowed[component], callersOf(t, rule.(map[string]any))...)
			}
		}
	}
	if strict["app"] != "map[mode:STRICT] map[]" || strict["redis"] != "map[mode:STRICT] map[9121:map[mode:PERMISSIVE]]" {
		t.Errorf("not strict: %v", strict)
	}
	return allowed
}

func callersOf(t *testing.T, rule map[string]any) []string {
	operation := at[[]any](t, rule, "to")[0].(map[string]any)
	what := " " + at[[]any](t, operation, "operation", "ports")[0].(string)
	for _, key := range []string{"methods", "paths"} {
		for _, word := range at[[]any](t, operation, "operation", key) {
			what += " " + word.(string)
		}
	}
	if rule["from"] == nil {
		return []string{"anybody" + what}
	}
	var callers []string
	source := rule["from"].([]any)[0].(map[string]any)
	for _, principal := range at[[]any](t, source, "source", "principals") {
		parts := strings.Split(principal.(string), "/")
		if len(parts) != 5 || parts[0] != "cluster.local" || parts[1] != "ns" || parts[3] != "sa" {
			t.Errorf("no principal: %s", principal)
			continue
		}
		callers = append(callers, parts[2]+"/"+parts[4]+what)
	}
	for _, namespace := range at[[]any](t, source, "source", "namespaces") {
		callers = append(callers, namespace.(string)+"/*"+what)
	}
	return callers
}

func allowedByLinkerd(t *testing.T, objects []unstructured.Unstructured) map[string][]string {
	allowed := map[string][]string{"app": nil, "redis": nil}
	for _, object := range objects {
		if object.GetKind() != "Server" {
			continue
		}
		component := at[string](t, object.Object, "spec", "podSelector", "matchLabels", "app.kubernetes.io/component")
		port := fmt.Sprint(" ", at[any](t, object.Object, "spec", "port"))
		if policy := at[string](t, object.Object, "spec", "accessPolicy"); policy != "" {
			if policy != "all-unauthenticated" {
				t.Error(policy)
			}
			allowed[component] = append(allowed[component], "anybody"+port)
			continue
		}
		policy := kit.Find(t, objects, "AuthorizationPolicy", object.GetName())
		refs := at[[]any](t, policy.Object, "spec", "requiredAuthenticationRefs")
		if at[string](t, policy.Object, "spec", "targetRef", "name") != object.GetName() || len(refs) != 1 {
			t.Error(policy)
		}
		authentication := kit.Find(t, objects, "MeshTLSAuthentication", refs[0].(map[string]any)["name"].(string))
		for _, ref := range at[[]any](t, authentication.Object, "spec", "identityRefs") {
			identity := ref.(map[string]any)
			name, named := identity["name"].(string)
			if !named {
				name = "*"
			}
			allowed[component] = append(allowed[component], identity["namespace"].(string)+"/"+name+port)
		}
	}
	return allowed
}

// No controller of Linkerd can be had here. ../cluster tests what istiod makes of its objects.
func TestLinkerdSendsAgainOnlyWhatMayArriveTwice(t *testing.T) {
	objects := kit.Rendered(t, append(inMesh("linkerd", "bank"), "--set", "settings.storageDeadlineMs=60000")...)
	for _, service := range []string{"bank", "bank-canary"} {
		again, once := kit.Find(t, objects, "HTTPRoute", service+"-again"), kit.Find(t, objects, "HTTPRoute", service+"-once")
		rules := map[string]string{}
		for name, route := range map[string]unstructured.Unstructured{"again": again, "once": once} {
			rule := at[[]any](t, route.Object, "spec", "rules")[0].(map[string]any)
			timeout, err := time.ParseDuration(at[string](t, rule, "timeouts", "request"))
			if err != nil || timeout <= time.Minute {
				t.Errorf("%s ends after %s: %v", route.GetName(), timeout, err)
			}
			parent := at[[]any](t, route.Object, "spec", "parentRefs")[0].(map[string]any)
			if parent["kind"] != "Service" || parent["name"] != service {
				t.Errorf("%s is of %v", route.GetName(), parent)
			}
			rules[name] = fmt.Sprint(rule["matches"])
		}
		if rules["again"] != "[map[headers:[map[name:idempotency-key type:RegularExpression value:.+]]] map[method:GET] map[method:HEAD]]" ||
			rules["once"] != "[map[path:map[type:PathPrefix value:/]]]" {
			t.Errorf("%v", rules)
		}
		if again.GetAnnotations()["retry.linkerd.io/http"] != "502-503" || again.GetAnnotations()["retry.linkerd.io/limit"] != "1" {
			t.Errorf("%v", again.GetAnnotations())
		}
		for annotation := range once.GetAnnotations() {
			if strings.HasPrefix(annotation, "retry.") {
				t.Errorf("a POST without a key is sent again: %s", annotation)
			}
		}
	}
}

// peersOf lists the peers of a policy: "to monitoring 4318" for a namespace, "from app 80" for pods of the release.
func peersOf(spec networkingv1.NetworkPolicySpec) []string {
	var all []string
	add := func(direction string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
		for _, peer := range peers {
			name := "others"
			switch {
			case peer.IPBlock != nil:
				name = peer.IPBlock.CIDR
			case peer.NamespaceSelector != nil:
				name = peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
			case peer.PodSelector.MatchLabels["app.kubernetes.io/component"] != "":
				name = peer.PodSelector.MatchLabels["app.kubernetes.io/component"]
			}
			for _, port := range ports {
				all = append(all, fmt.Sprintf("%s %s %s", direction, name, port.Port))
			}
			if len(ports) == 0 {
				all = append(all, fmt.Sprintf("%s %s any", direction, name))
			}
		}
	}
	for _, rule := range spec.Egress {
		add("to", rule.To, rule.Ports)
	}
	for _, rule := range spec.Ingress {
		add("from", rule.From, rule.Ports)
	}
	return all
}

// What the mesh needs in addition to what each pod needs anyway.
func TestTheNetworkPolicyLetsAMeshThrough(t *testing.T) {
	plane := map[string][]string{"istio": {"to istio-system 15012"}, "linkerd": {"to linkerd 8080", "to linkerd 8086", "to linkerd 8090"}}
	without := policies(t, "--set", meshed)
	for kind, added := range map[string]map[string][]string{
		"istio": {"bank": {"from monitoring 15020", "from monitoring 15090"}, "bank-redis": {"from monitoring 15020", "from monitoring 15090"}, "bank-backup": nil, "bank-test": nil},
		"ambient": {"bank": {"from test 15008", "from monitoring 15008", "from ingress 15008", "to redis 15008", "to monitoring 15008", "from 169.254.7.127/32 any"},
			"bank-redis": {"from others 15008", "from backup 15008", "from monitoring 15008", "from 169.254.7.127/32 any"}, "bank-backup": {"to redis 15008"}, "bank-test": {"to others 15008"}},
		"linkerd": {"bank": {"from test 4143", "from monitoring 4143", "from ingress 4143", "from monitoring 4191", "to redis 4143", "to monitoring 4143"},
			"bank-redis": {"from others 4143", "from backup 4143", "from monitoring 4143", "from monitoring 4191"}, "bank-backup": {"to redis 4143"}, "bank-test": {"to others 4143"}},
	} {
		with := policies(t, "--set", meshed+",mesh.kind="+kind)
		for name, more := range added {
			before := peersOf(without[name])
			more = append(more, plane[kind]...)
			if name == "bank-redis" && plane[kind] != nil {
				more = append(more, "to kube-system 53", "to kube-system 53", "to 169.254.20.10/32 53", "to 169.254.20.10/32 53")
			}
			got := slices.DeleteFunc(peersOf(with[name]), func(way string) bool { return slices.Contains(before, way) })
			slices.Sort(got)
			slices.Sort(more)
			if !slices.Equal(got, more) {
				t.Errorf("%s: %s lets through %q, not %q", kind, name, got, more)
			}
		}
	}
	if got := peersOf(policies(t, "--set", "mesh.kind=istio,mesh.namespace=mesh")["bank"]); !slices.Contains(got, "to mesh 15012") {
		t.Errorf("%q", got)
	}
}

// The mesh must allow each request that the Probe has the blackbox exporter send to the Service.
func TestTheBlackboxExporterMayAskInAMeshWhatItIsToAsk(t *testing.T) {
	objects := kit.Rendered(t, inMesh("istio", "bank")...)
	var asked []any
	for _, target := range at[[]any](t, kit.Find(t, objects, "Probe", "bank").Object, "spec", "targets", "staticConfig", "static") {
		if path, inside := strings.CutPrefix(target.(string), "http://bank.money-bank.svc"); inside {
			asked = append(asked, path)
		}
	}
	rules := at[[]any](t, kit.Find(t, objects, "AuthorizationPolicy", "bank").Object, "spec", "rules")
	operation := at[[]any](t, rules[1].(map[string]any), "to")[0].(map[string]any)
	if allowed := at[[]any](t, operation, "operation", "paths"); len(asked) == 0 || !slices.Equal(asked, allowed) {
		t.Errorf("it asks %v, and may ask %v", asked, allowed)
	}
}
