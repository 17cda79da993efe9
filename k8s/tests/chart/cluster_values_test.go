package chart

import (
	"regexp"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// A chart version may have build metadata, which Flux adds by itself; a tag may end, or be cut, anywhere.
func TestEveryLabelIsOneThatTheServerTakes(t *testing.T) {
	label := regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$`)
	chart := t.TempDir() + "/chart"
	kit.Run(t, "cp", "-r", kit.Chart, chart)
	file := chart + "/Chart.yaml"
	kit.Write(t, file, strings.Replace(kit.Read(t, file), "\nversion: 0.1.0", "\nversion: 0.1.0+4f2c9e1", 1))
	for _, tag := range []string{"feature-very-long-branch-name-with-many-words-in-it-and-more-a-7f3c2d1e", "_build7", "1.2.3-", "__"} {
		output := kit.Run(t, kit.Tool("helm"), "template", "bank", chart, "--kube-version", "1.37", "--set-string", "image.tag="+tag)
		for _, object := range kit.Objects(t, output) {
			for name, value := range object.GetLabels() {
				if !label.MatchString(value) {
					t.Errorf("%s: %s %s: %s is %q", tag, object.GetKind(), object.GetName(), name, value)
				}
			}
		}
	}
}

func TestATagMayBeANumber(t *testing.T) {
	values := kit.Write(t, t.TempDir()+"/values.yaml", "image: {tag: 20261126}\n")
	for _, arguments := range [][]string{{"--set", "image.tag=20261126"}, {"--values", values}} {
		if image := spinApp(t, arguments...).Object["spec"].(map[string]any)["image"]; image != "ghcr.io/money-bank/money-bank:20261126" {
			t.Errorf("%v: %v", arguments, image)
		}
	}
}

func TestPullSecretsAndTolerationsReachAllPods(t *testing.T) {
	arguments := []string{"--set", "image.pullSecrets={registry}", "--set-json", `tolerations=[{"key":"spin","operator":"Exists"}]`}
	objects := kit.Rendered(t, arguments...)
	for what, pod := range map[string]corev1.PodSpec{
		"Redis":     kit.Into[appsv1.StatefulSet](t, kit.Find(t, objects, "StatefulSet", "bank-redis")).Spec.Template.Spec,
		"helm test": kit.Into[corev1.Pod](t, kit.Find(t, objects, "Pod", "bank-test")).Spec,
	} {
		if len(pod.ImagePullSecrets) != 1 || len(pod.Tolerations) != 1 || pod.Tolerations[0].Key != "spin" {
			t.Errorf("%s: %v %v", what, pod.ImagePullSecrets, pod.Tolerations)
		}
	}
	if err := kit.Missing(podPolicy(t, arguments...), `path: "/spec/tolerations/-", value: dyn({"key": dyn("spin")`); err != nil {
		t.Error(err)
	}
}

func TestEveryPodRequestsEphemeralStorage(t *testing.T) {
	objects := kit.Rendered(t)
	for what, container := range map[string]corev1.Container{
		"the application": {Resources: corev1.ResourceRequirements{Requests: kit.Into[spinkube.SpinApp](t, kit.Find(t, objects, "SpinApp", "bank")).Spec.Resources.Requests}},
		"Redis":           kit.Into[appsv1.StatefulSet](t, kit.Find(t, objects, "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers[0],
		"helm test":       kit.Into[corev1.Pod](t, kit.Find(t, objects, "Pod", "bank-test")).Spec.Containers[0],
	} {
		if container.Resources.Requests.StorageEphemeral().IsZero() {
			t.Errorf("%s requests none", what)
		}
	}
}

// OpenShift gives a namespace its own users; a fixed one is refused.
func TestOnOpenShiftNoUserIsFixedAndARouteLeadsIn(t *testing.T) {
	output := kit.Template(t, "--values", kit.Values("prod"), "--values", kit.Chart+"/controllers/openshift.yaml")
	for _, fixed := range []string{"runAsUser", "runAsGroup", "fsGroup"} {
		if strings.Contains(output, fixed) {
			t.Errorf("%s is in the rendering", fixed)
		}
	}
	if err := kit.Missing(output, "insecureEdgeTerminationPolicy: Redirect", "hsts_header: max-age=31536000",
		"port: 5353", "openshift-dns", "network.openshift.io/policy-group: ingress"); err != nil {
		t.Error(err)
	}
}

func TestAPrivateCertificateIsTheExecutorsInPlaceOfThePublicOnes(t *testing.T) {
	output := kit.Template(t, "--set", "redis.enabled=false,redis.external.url=rediss://:p@cache:6380,redis.tls.caSecret=trusted")
	if err := kit.Missing(output, "caCertSecret: trusted"); err != nil || strings.Contains(output, "installDefaultCACerts") {
		t.Error(err)
	}
}

// Another's template fills it in; what it says of encoding is what is held here.
func TestAVaultsPasswordIsPercentEncodedAndMayBeAProperty(t *testing.T) {
	output := kit.Template(t, "--set", "redis.password.source=externalSecret,externalSecret.storeName=vault,"+
		"externalSecret.remoteKey=bank/redis,externalSecret.property=password,externalSecret.previousProperty=before")
	if err := kit.Missing(output, `redis://:{{ .password | urlquery | replace "+" "%20" }}@bank-redis:6379`, "property: password", "property: before"); err != nil {
		t.Error(err)
	}
}
