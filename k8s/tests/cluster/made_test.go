package cluster

import (
	"fmt"
	"strings"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// operatorMakesWhatTheRealOneMakes compares the operator of these tests with made.yaml: what the real one made of asked.yaml
// (spin-operator 943f5b1, main of April 2026). This test wrote made.yaml, with SPIN_OPERATOR set.
func operatorMakesWhatTheRealOneMakes(p *Plane) {
	namespace := "made"
	p.kubectl("create", "namespace", namespace)
	p.kubectl("-n", namespace, "apply", "-f", kit.At("k8s/tests/cluster/asked.yaml"))
	wanted := kit.Read(p, "k8s/tests/cluster/made.yaml")
	var made string
	defer func() {
		if p.Failed() {
			p.Logf("what it made: %s", kit.Write(p, kit.At("build/logs/k8s-made.yaml"), made))
		}
		p.kubectl("delete", "namespace", namespace)
	}()
	kit.Eventually(p, "all that the real one makes is there", func() error {
		made = p.made(namespace)
		return differs(wanted, made)
	})
}

// made returns what the operator made, and wrote into the SpinApp: the names of all objects, and some objects whole, without
// what differs each time.
func (p *Plane) made(namespace string) string {
	p.Helper()
	get := func(arguments ...string) string {
		return p.kubectl(append([]string{"-n", namespace, "get", "--ignore-not-found"}, arguments...)...)
	}
	text := "# " + strings.Join(strings.Fields(get("deployments,services,secrets", "-o", "name")), "\n# ") + "\n"
	for _, names := range []string{"deployment full least own-config", "service full", "secret full-a0186b34 spin-ca",
		"spinapp full least only-service", "spinappexecutor a-shim"} {
		for _, object := range kit.Objects(p, get(append(strings.Fields(names), "-o", "yaml")...)) {
			kept, err := yaml.Marshal(withoutWhatDiffers(object).Object)
			if err != nil {
				p.Fatal(err)
			}
			text += "---\n" + string(kept)
		}
	}
	return text
}

func withoutWhatDiffers(object unstructured.Unstructured) unstructured.Unstructured {
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "namespace"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
	unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
	eachOf(object, func(owner map[string]any) { delete(owner, "uid") }, "metadata", "ownerReferences")
	eachOf(object, func(condition map[string]any) {
		delete(condition, "lastTransitionTime")
		delete(condition, "message")
	}, "status", "conditions")
	if !strings.HasPrefix(object.GetKind(), "Spin") {
		delete(object.Object, "status")
	}
	if object.GetName() == "spin-ca" {
		delete(object.Object, "data")
	}
	return object
}

func eachOf(object unstructured.Unstructured, change func(map[string]any), path ...string) {
	list, found, _ := unstructured.NestedSlice(object.Object, path...)
	for _, item := range list {
		change(item.(map[string]any))
	}
	if found {
		_ = unstructured.SetNestedSlice(object.Object, list, path...)
	}
}

// differs names the first line that differs.
func differs(wanted, got string) error {
	is := strings.Split(got, "\n")
	for index, line := range strings.Split(wanted, "\n") {
		if index >= len(is) || is[index] != line {
			return fmt.Errorf("line %d should be %q, in:\n%s", index+1, line, strings.Join(is[min(max(index-20, 0), len(is)):min(index+3, len(is))], "\n"))
		}
	}
	return nil
}

// Each row is a mistake, and the real operator's message.
var deniedByTheOperator = []struct{ object, said string }{
	{"kind: SpinApp, spec: {image: i, executor: none-such, replicas: 1}", `spec.executor: Invalid value: "none-such": executor does not exist in namespace`},
	{"kind: SpinApp, spec: {image: i, executor: shim}", "spec.replicas: Invalid value: 0: replicas must be > 0"},
	{"kind: SpinApp, spec: {image: i, executor: shim, replicas: 2, enableAutoscaling: true}", "spec.replicas: Invalid value: 2: replicas cannot be set when autoscaling is enabled"},
	{"kind: SpinApp, spec: {image: i, executor: elsewhere, replicas: 1, podAnnotations: {a: b}}", "podAnnotations can't be set when the executor does not use operator deployments"},
	{"kind: SpinApp, spec: {image: i, executor: elsewhere, replicas: 1, deploymentAnnotations: {a: b}}", "deploymentAnnotations can't be set when the executor does not use operator deployments"},
	{"kind: SpinApp, spec: {image: i, executor: shim, replicas: 1, invocationLimits: {memory: much}}", `spec.invocationLimits[memory]: Invalid value: "much": memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)`},
	{"kind: SpinApp, spec: {image: i, executor: shim, replicas: 1, invocationLimits: {memory: 1Gi}, resources: {limits: {memory: 1Mi}}}", `spec.invocationLimits[memory]: Invalid value: "1Gi": invocation limit quantity cannot be greater than the memory limit (1Mi)`},
	{"kind: SpinApp, spec: {image: i, executor: shim, replicas: 1, invocationLimits: {memory: 1Gi}, resources: {requests: {memory: 1Mi}}}", "invocation limit quantity cannot be greater than the memory request (1Mi)"},
	{"kind: SpinApp, spec: {image: i, executor: shim, replicas: 1, components: []}", "spec.components: Invalid value: 0: spec.components in body should have at least 1 items"},
	{"kind: SpinAppExecutor, spec: {createDeployment: true, deploymentConfig: {}}", "either runtimeClassName or spinImage must be set"},
	{"kind: SpinAppExecutor, spec: {createDeployment: true, deploymentConfig: {runtimeClassName: a, spinImage: b}}", "runtimeClassName and spinImage are mutually exclusive"},
}

func operatorDeniesWhatTheRealOneDenies(p *Plane) {
	namespace := p.namespace("denied")
	apply := func(object string) (string, error) {
		file := kit.Write(p, p.TempDir()+"/object.yaml", "{apiVersion: core.spinkube.dev/v1alpha1, "+object+"}")
		return kit.Try(kit.Tool("kubectl"), "--kubeconfig", p.kubeconfig, "-n", namespace, "apply", "--server-side", "-f", file)
	}
	for _, executor := range []string{"metadata: {name: shim}, spec: {createDeployment: true, deploymentConfig: {runtimeClassName: wasmtime-spin-v2}}",
		"metadata: {name: elsewhere}, spec: {createDeployment: false}"} {
		if output, err := apply("kind: SpinAppExecutor, " + executor); err != nil {
			p.Fatal(output)
		}
	}
	for _, row := range deniedByTheOperator {
		output, err := apply("metadata: {name: wrong}, " + row.object)
		if err == nil || kit.Missing(output, row.said) != nil {
			p.Errorf("%s: %v\n%s", row.object, err, output)
		}
	}
	p.kubectl("delete", "namespace", namespace)
}
