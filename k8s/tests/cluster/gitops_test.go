package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The number of the application's pods in the namespaces of k8s/gitops.
var gitOpsPods = map[string]int{"dev": 1, "staging": 2, "prod": 3}

// The API server accepts what Argo CD and Flux apply, and what they apply does not drift once operator, webhooks and autoscaler have
// changed it. Neither tool runs. Both compare by asking the API server what an apply would change (a server-side dry run), and
// so does this test.
func whatGitOpsAppliesDoesNotDrift(p *Plane) {
	p.kubectl("create", "namespace", "argocd")
	made := []string{"delete", "namespace", "argocd"}
	for environment, pods := range gitOpsPods {
		namespace := p.gitOpsOf("flux", kit.Read(p, kit.GitOpsFile("flux", environment))).Namespace
		made = append(made, p.namespace(namespace))
		p.kubectl("-n", namespace, "create", "secret", "generic", "bank-redis", "--from-literal=password=made-up", "--from-literal=url=redis://:made-up@bank-redis:6379")
		p.kubectl("-n", namespace, "create", "secret", "generic", "bank-tls", "--type=kubernetes.io/tls", "--from-literal=tls.crt=made-up", "--from-literal=tls.key=made-up")
		for _, tool := range kit.GitOpsTools {
			p.gitOpsFrom(tool, environment, pods)
		}
	}
	p.kubectl(made...)
}

func (p *Plane) gitOpsFrom(tool, environment string, pods int) {
	p.Helper()
	file := kit.GitOpsFile(tool, environment)
	p.kubectl("apply", "--server-side", "--validate=strict", "-f", file)
	says := p.gitOpsOf(tool, p.kubectl("get", "-f", file, "-o", "yaml"))
	has := release{p, says.Namespace, "argocd-controller", says.Rendered}
	if tool == "flux" {
		p.helm(append([]string{"upgrade", "--install"}, says.Arguments(p)...)...)
		has.manager = "helm-controller"
		has.render = func(testing.TB) string { return p.helm("get", "manifest", says.Release, "--namespace", says.Namespace) }
	} else {
		has.applied()
	}
	p.runs(says.Namespace, pods)
	kit.Eventually(p, tool+" sees no drift in "+environment, func() error {
		if drifted := has.drifted(); drifted != nil {
			return fmt.Errorf("%v", drifted)
		}
		return nil
	})
	p.kubectl("-n", says.Namespace, "patch", "spinapp", "bank", "--type=merge", "--patch", `{"spec":{"image":"registry/another:1"}}`)
	if drifted := has.drifted(); !slices.Equal(drifted, []string{"SpinApp bank: spec"}) {
		p.Errorf("%s in %s: an image that was changed by hand: %v", tool, environment, drifted)
	}
	has.applied()
	if drifted := has.drifted(); drifted != nil {
		p.Errorf("%s in %s: put back, it still drifts: %v", tool, environment, drifted)
	}
	p.kubectl("-n", says.Namespace, "delete", "-f", has.file())
}

// gitOpsOf reads from these objects what a tool is asked for.
func (p *Plane) gitOpsOf(tool, objects string) kit.GitOps {
	p.Helper()
	return kit.GitOpsOf(p, tool, kit.Objects(p, objects))
}

// release is a tool's release in a namespace: its field manager, and how it renders the chart anew.
type release struct {
	*Plane
	namespace, manager string
	render             func(testing.TB) string
}

// file holds the rendering without hooks, which neither tool compares.
func (r release) file() string {
	r.Helper()
	kept := slices.DeleteFunc(kit.Objects(r, r.render(r)), func(object unstructured.Unstructured) bool { return object.GetAnnotations()["helm.sh/hook"] != "" })
	var text strings.Builder
	for _, object := range kept {
		one, err := object.MarshalJSON()
		if err != nil {
			r.Fatal(err)
		}
		text.WriteString("---\n" + string(one) + "\n")
	}
	return kit.Write(r, r.TempDir()+"/rendered.yaml", text.String())
}

// applied applies the rendering as such tools do, and returns the API server's objects.
func (r release) applied(further ...string) []unstructured.Unstructured {
	r.Helper()
	return r.compared(append([]string{"apply", "--server-side", "--force-conflicts", "--field-manager=" + r.manager, "-f", r.file()}, further...)...)
}

// compared returns the objects without the fields that differ at each change.
func (r release) compared(arguments ...string) []unstructured.Unstructured {
	r.Helper()
	objects := kit.Objects(r, r.kubectl(append([]string{"-n", r.namespace, "-o", "json"}, arguments...)...))
	for _, object := range objects {
		object.SetManagedFields(nil)
		object.SetResourceVersion("")
		object.SetGeneration(0)
		delete(object.Object, "status")
	}
	return objects
}

// drifted lists the fields that an apply would change.
func (r release) drifted() []string {
	r.Helper()
	var found []string
	live := r.compared("get", "-f", r.file())
	for index, wanted := range r.applied("--dry-run=server") {
		if live[index].GetKind() != wanted.GetKind() || live[index].GetName() != wanted.GetName() {
			r.Fatalf("%s %s is compared with %s %s", wanted.GetKind(), wanted.GetName(), live[index].GetKind(), live[index].GetName())
		}
		for field, value := range wanted.Object {
			if !reflect.DeepEqual(value, live[index].Object[field]) {
				found = append(found, fmt.Sprintf("%s %s: %s", wanted.GetKind(), wanted.GetName(), field))
			}
		}
	}
	return found
}
