package kit

import (
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// CollectorAt says where a Collector listens, whose pods' lines it reads, and where it stores its offsets.
type CollectorAt struct{ OTLP, GRPC, Metrics, Pods, Offsets string }

// StartCollector starts a release's Collector outside of a pod, and waits until it serves metrics. `further` has more pairs to replace
// in its configuration.
func StartCollector(t testing.TB, name string, objects []unstructured.Unstructured, release string, at CollectorAt, further ...string) *Process {
	t.Helper()
	for _, folder := range []string{at.Pods, at.Offsets} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var environment []string
	for _, variable := range Into[appsv1.DaemonSet](t, Find(t, objects, "DaemonSet", release+"-collector")).Spec.Template.Spec.Containers[0].Env {
		environment = append(environment, variable.Name+"="+variable.Value)
	}
	config := Into[corev1.ConfigMap](t, Find(t, objects, "ConfigMap", release+"-collector")).Data["collector.yaml"]
	config = Replaced(t, config, append(further, "0.0.0.0:4318", at.OTLP, "0.0.0.0:4317", at.GRPC, "0.0.0.0:8889", at.Metrics, "0.0.0.0:13133", FreeAddress(t),
		"/var/log/pods", at.Pods, "/var/lib/collector", at.Offsets)...)
	collector := Start(t, name, environment, Tool("collector"), "--config="+Write(t, at.Offsets+".yaml", config))
	collector.ShowsMetrics(t, at.Metrics)
	return collector
}

// Replaced replaces texts that must occur: pairs of old and new.
func Replaced(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for index := 0; index < len(pairs); index += 2 {
		if !strings.Contains(text, pairs[index]) {
			t.Fatalf("%q is not in:\n%s", pairs[index], text)
		}
		text = strings.ReplaceAll(text, pairs[index], pairs[index+1])
	}
	return text
}
