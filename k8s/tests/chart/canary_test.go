package chart

import (
	"reflect"
	"testing"

	"moneybank/k8s/tests/kit"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var withCanary = []string{"--set", "gateway.enabled=true,gateway.className=traefik,canary.enabled=true,canary.image.tag=2,canary.weight=25"}

// Flagger's canary is whatever the release's image becomes.
const byFlagger = onBank + ",gateway.enabled=true,gateway.className=traefik,gateway.inNamespace=true,canary.flagger.enabled=true,executor.otlpEndpoint=http://collector.monitoring:4318"

var withFlagger = []string{"--set", byFlagger}

// A generated password differs in each rendering, and so would the pods.
var ownPassword = []string{"--set", "redis.password.source=existing,redis.password.secretName=mine"}

func TestACanaryIsTheReleaseWithAnotherImage(t *testing.T) {
	objects := kit.Rendered(t, withCanary...)
	spec := func(name string) map[string]any {
		return kit.Find(t, objects, "SpinApp", name).Object["spec"].(map[string]any)
	}
	release, canary := spec("bank"), spec("bank-canary")
	if canary["image"] != "ghcr.io/money-bank/money-bank:2" || release["image"] == canary["image"] {
		t.Errorf("the release is %s, the canary %s", release["image"], canary["image"])
	}
	canary["image"] = release["image"]
	if !reflect.DeepEqual(release, canary) {
		t.Errorf("more than the image is another:\n%v\n%v", release, canary)
	}
}

func TestACanaryLeavesThePodsOfTheReleaseAlone(t *testing.T) {
	app := func(arguments ...string) any {
		return kit.Find(t, kit.Rendered(t, append(arguments, ownPassword...)...), "SpinApp", "bank").Object
	}
	if !reflect.DeepEqual(app(), app(withCanary...)) {
		t.Error("to begin with a canary replaces the pods of the release")
	}
}

// Whatever guards the release's pods guards the canary's.
func TestACanaryIsGuardedAsTheReleaseIs(t *testing.T) {
	isGuarded(t, "core.spinkube.dev/app-name", []string{"bank", "bank-canary"}, withCanary)
	isGuarded(t, "money-bank/app-name", []string{"bank", "bank-primary"}, withFlagger)
}

func isGuarded(t *testing.T, label string, apps, arguments []string) {
	t.Helper()
	objects := kit.Rendered(t, arguments...)
	policy := kit.Into[networkingv1.NetworkPolicy](t, kit.Find(t, objects, "NetworkPolicy", "bank"))
	policies := map[string]*metav1.LabelSelector{
		"network policy": &policy.Spec.PodSelector,
		"network policy of Redis": kit.Into[networkingv1.NetworkPolicy](t, kit.Find(t, objects, "NetworkPolicy", "bank-redis")).
			Spec.Ingress[0].From[0].PodSelector,
		"disruption budget": kit.Into[policyv1.PodDisruptionBudget](t, kit.Find(t, objects, "PodDisruptionBudget", "bank")).Spec.Selector,
	}
	for what, selector := range policies {
		for _, app := range apps {
			matches, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil || !matches.Matches(labels.Set{label: app}) {
				t.Errorf("the %s leaves %s out: %v", what, app, err)
			}
		}
	}
}

// Flagger and the chart would write to the same objects, and neither would know.
func TestFlaggerMakesServiceAndRouteAndTheChartDoesNot(t *testing.T) {
	for _, object := range kit.Rendered(t, withFlagger...) {
		if (object.GetKind() == "Service" || object.GetKind() == "HTTPRoute") && object.GetName() == "bank" {
			t.Errorf("the chart makes the %s, too", object.GetKind())
		}
	}
}
