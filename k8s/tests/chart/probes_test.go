package chart

import (
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func spinApp(t *testing.T, arguments ...string) unstructured.Unstructured {
	t.Helper()
	return kit.Find(t, kit.Rendered(t, arguments...), "SpinApp", "bank")
}

// The operator's webhook writes `null` where a list is missing, and its own CRD refuses that.
func TestEveryCheckNamesItsHeadersAlthoughThereAreNone(t *testing.T) {
	for _, check := range []string{"readiness", "liveness"} {
		headers, found, err := unstructured.NestedSlice(spinApp(t).Object, "spec", "checks", check, "httpGet", "httpHeaders")
		if !found || err != nil || headers == nil {
			t.Errorf("%s: %v %v %v", check, headers, found, err)
		}
	}
}

func checks(t *testing.T, app unstructured.Unstructured) (readiness, liveness *spinkube.HealthProbe) {
	t.Helper()
	read := kit.Into[spinkube.SpinApp](t, app)
	return read.Spec.Checks.Readiness, read.Spec.Checks.Liveness
}

// A Redis that is down must take no pod out of the Service: a 503 says what became of the request.
func TestOnlyTheStartAsksTheStore(t *testing.T) {
	readiness, liveness := checks(t, spinApp(t))
	if readiness.HTTPGet.Path != "/healthz" || liveness.HTTPGet.Path != "/healthz" {
		t.Errorf("readiness asks %s, liveness %s", readiness.HTTPGet.Path, liveness.HTTPGet.Path)
	}
	policy := podPolicy(t)
	if err := kit.Missing(policy, `path: "/spec/containers/0/startupProbe"`, `"path": dyn("/readyz")`); err != nil {
		t.Error(err)
	}
}

// podPolicy is the expression of the MutatingAdmissionPolicy.
func podPolicy(t *testing.T, arguments ...string) string {
	t.Helper()
	policy := kit.Find(t, kit.Rendered(t, arguments...), "MutatingAdmissionPolicy", "money-bank-bank")
	mutations, _, _ := unstructured.NestedSlice(policy.Object, "spec", "mutations")
	expression, _, _ := unstructured.NestedString(mutations[0].(map[string]any), "jsonPatch", "expression")
	return expression
}

func TestWithoutAStartupProbeLivenessWaitsAsLongAsOneWould(t *testing.T) {
	_, liveness := checks(t, spinApp(t, "--set", "podPolicy.enabled=false"))
	if liveness.InitialDelaySeconds != 300 {
		t.Errorf("liveness asks after %d seconds", liveness.InitialDelaySeconds)
	}
	if _, liveness := checks(t, spinApp(t)); liveness.InitialDelaySeconds != 60 {
		t.Errorf("with the policy liveness asks after %d seconds", liveness.InitialDelaySeconds)
	}
}

// Unless a capability is added, containerd hands the shim an empty set, and the shim keeps all of them.
func TestDroppingAllCapabilitiesLeavesTheShimJustOne(t *testing.T) {
	if err := kit.Missing(podPolicy(t), `securityContext/capabilities", value: dyn({"add": dyn([dyn("NET_BIND_SERVICE")]), "drop": dyn([dyn("ALL")])})`); err != nil {
		t.Error(err)
	}
}

// Two topology constraints with the same key make a pod invalid.
func TestPodsAreSpreadOverNodesOnce(t *testing.T) {
	for over, constraints := range map[string]int{"kubernetes.io/hostname": 1, "topology.kubernetes.io/zone": 2, "rack": 2} {
		policy := podPolicy(t, "--set", "podPolicy.spreadOver="+over)
		if got := strings.Count(policy, `"topologyKey"`); got != constraints || !strings.Contains(policy, `"topologyKey": dyn("`+over+`")`) {
			t.Errorf("%s: %d constraints\n%s", over, got, policy)
		}
	}
}

// A changed policy does not replace pods; a changed annotation does.
func TestWhatThePodPolicyAddsReplacesThePodsWhenItChanges(t *testing.T) {
	seen := map[string]string{}
	for _, values := range []string{"replicas=1", "tolerations[0].key=spin", "tolerations[0].key=other", "podPolicy.drainSeconds=20"} {
		mark, _, _ := unstructured.NestedString(spinApp(t, "--set", values).Object, "spec", "podAnnotations", "checksum/pod")
		if other, is := seen[mark]; is || mark == "" {
			t.Errorf("%s and %s: %q", values, other, mark)
		}
		seen[mark] = values
	}
}
