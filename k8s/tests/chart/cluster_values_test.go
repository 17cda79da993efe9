package chart

import (
	"regexp"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Flux adds build metadata to a chart's version. A tag may end, or be cut, at any character.
func TestEveryLabelIsOneThatTheServerTakes(t *testing.T) {
	label := regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$`)
	chart := t.TempDir() + "/chart"
	kit.Run(t, "cp", "-r", kit.Chart, chart)
	file := chart + "/Chart.yaml"
	kit.Write(t, file, regexp.MustCompile(`(?m)^version: .*`).ReplaceAllString(kit.Read(t, file), "$0+4f2c9e1"))
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
	if image := spinApp(t, "--set", "image.tag=20261126").Object["spec"].(map[string]any)["image"]; image != "ghcr.io/money-bank/money-bank:20261126" {
		t.Error(image)
	}
}

// YAML reads 0123456 as 42798 and 1e5 as 100000: the text as written is lost.
func TestATagInAFileIsInQuotes(t *testing.T) {
	for _, tag := range []string{"0123456", "1e5", "2"} {
		values := kit.Write(t, t.TempDir()+"/values.yaml", "image: {tag: "+tag+"}\n")
		output, err := kit.Try(kit.Tool("helm"), "template", "bank", kit.Chart, "--values", values)
		if err == nil || kit.Missing(output, "image.tag: write it in quotes") != nil {
			t.Errorf("%s: %v\n%s", tag, err, output)
		}
	}
}

// A SpinApp takes integers and strings. 0.5 is neither, and an integer from a values file reaches Helm as a float.
func TestQuantitiesMayBeNumbers(t *testing.T) {
	values := kit.Write(t, t.TempDir()+"/values.yaml", `
resources: {requests: {cpu: 0.5, memory: 134217728}, limits: {cpu: 2, memory: 1073741824}}
redis: {resources: {requests: {cpu: 0.25}}}
test: {resources: {requests: {cpu: 0.05}}}
quota: {enabled: true, hard: {pods: 20, requests.cpu: 4.5}}
limitRange: {enabled: true, default: {memory: 268435456}}
`)
	objects := kit.Rendered(t, "--values", values)
	app := kit.Find(t, objects, "SpinApp", "bank").Object
	for _, row := range []struct {
		object map[string]any
		path   []string
		want   string
	}{
		{app, []string{"spec", "resources", "requests", "cpu"}, "0.5"},
		{app, []string{"spec", "resources", "requests", "memory"}, "134217728"},
		{app, []string{"spec", "resources", "limits", "cpu"}, "2"},
		{app, []string{"spec", "resources", "limits", "memory"}, "1073741824"},
		{kit.Find(t, objects, "ResourceQuota", "bank").Object, []string{"spec", "hard", "requests.cpu"}, "4.5"},
		{kit.Find(t, objects, "ResourceQuota", "bank").Object, []string{"spec", "hard", "pods"}, "20"},
	} {
		if got, _, err := unstructured.NestedString(row.object, row.path...); got != row.want {
			t.Errorf("%v: %q, %v", row.path, got, err)
		}
	}
}

// Unquoted, YAML would read them as numbers or as null.
func TestNamesThatLookLikeSomethingElseStayText(t *testing.T) {
	objects := kit.Objects(t, kit.Template(t, "--set-string", "image.pullSecrets={123},coingeckoApiKey.secretName=1e5,coingeckoApiKey.key=a: b,"+
		"redis.password.source=existing,redis.password.secretName=null,redis.storage.className=7,executor.name=0x1"))
	app := kit.Into[spinkube.SpinApp](t, kit.Find(t, objects, "SpinApp", "bank")).Spec
	if app.ImagePullSecrets[0].Name != "123" || app.Executor != "0x1" {
		t.Errorf("%v %v", app.ImagePullSecrets, app.Executor)
	}
	for name, want := range map[string]corev1.SecretKeySelector{
		"coingecko_api_key": {LocalObjectReference: corev1.LocalObjectReference{Name: "1e5"}, Key: "a: b"},
		"redis_url":         {LocalObjectReference: corev1.LocalObjectReference{Name: "null"}, Key: "url"},
	} {
		for _, variable := range app.Variables {
			if variable.Name == name && *variable.ValueFrom.SecretKeyRef != want {
				t.Errorf("%s: %v", name, variable.ValueFrom.SecretKeyRef)
			}
		}
	}
	redis := kit.Into[appsv1.StatefulSet](t, kit.Find(t, objects, "StatefulSet", "bank-redis"))
	if class := redis.Spec.VolumeClaimTemplates[0].Spec.StorageClassName; class == nil || *class != "7" {
		t.Errorf("the class is %v", class)
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

// OpenShift assigns users to a namespace; it refuses a fixed one.
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
	output := kit.Template(t, "--set-string", "redis.tls.caSecret=123", "--set", "redis.enabled=false,redis.external.url=rediss://:p@cache:6380")
	if err := kit.Missing(output, `caCertSecret: "123"`); err != nil || strings.Contains(output, "installDefaultCACerts") {
		t.Error(err)
	}
}

// The template of another chart fills it in; this test checks what it says of encoding.
func TestAVaultsPasswordIsPercentEncodedAndMayBeAProperty(t *testing.T) {
	output := kit.Template(t, "--set", "redis.password.source=externalSecret,externalSecret.storeName=vault,"+
		"externalSecret.remoteKey=bank/redis: 1,externalSecret.property=password,externalSecret.previousProperty=0123")
	if err := kit.Missing(output, `redis://:{{ .password | urlquery | replace "+" "%20" }}@bank-redis:6379`, `key: "bank/redis: 1"`, `property: "password"`, `property: "0123"`); err != nil {
		t.Error(err)
	}
}
