package kit

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

type k8sObject = runtime.Object

// Chart is the path of the chart.
var Chart = At("k8s/chart")

// The API versions of a current API server, for renderings without a cluster.
var today = []string{
	"--kube-version", "1.37",
	"--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
}

// InFront names the ingress controller's namespace, which the chart requires. Other values win over it.
var InFront = At("k8s/tests/kit/in-front.yaml")

// Values is the values file of an environment.
func Values(environment string) string { return Chart + "/values-" + environment + ".yaml" }

// Rendered renders the chart with these arguments, as objects.
func Rendered(t testing.TB, arguments ...string) []unstructured.Unstructured {
	t.Helper()
	return Objects(t, Template(t, arguments...))
}

// Template renders the chart as text.
func Template(t testing.TB, arguments ...string) string {
	t.Helper()
	arguments = append([]string{"template", "bank", Chart, "--namespace", "money-bank", "--values", InFront}, arguments...)
	return Run(t, Tool("helm"), append(arguments, today...)...)
}

// Find returns the one object of that kind and name.
func Find(t testing.TB, objects []unstructured.Unstructured, kind, name string) unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return unstructured.Unstructured{}
}

// Into converts an object to its Go type.
func Into[T any](t testing.TB, object unstructured.Unstructured) T {
	t.Helper()
	var typed T
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true)
	if err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return typed
}
