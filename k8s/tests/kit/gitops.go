package kit

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// GitOpsTools are the folders of k8s/gitops.
var GitOpsTools = []string{"argocd", "flux"}

// GitOps is what an Application of Argo CD, and a HelmRelease with its HelmChart of Flux, have in common for an environment.
type GitOps struct {
	Version, Release, Namespace string
	Files                       []string
	Values                      map[string]any
}

// GitOpsFile is the file of a tool for an environment.
func GitOpsFile(tool, environment string) string { return At("k8s/gitops", tool, environment+".yaml") }

// GitOpsOf is what the objects of a tool say.
func GitOpsOf(t testing.TB, tool string, objects []unstructured.Unstructured) GitOps {
	t.Helper()
	find := func(kind string, path ...string) any {
		t.Helper()
		index := slices.IndexFunc(objects, func(object unstructured.Unstructured) bool { return object.GetKind() == kind })
		if index < 0 {
			t.Fatalf("%s: no %s", tool, kind)
		}
		value, found, err := unstructured.NestedFieldNoCopy(objects[index].Object, path...)
		if err != nil || !found {
			t.Fatalf("%s: %s has no %v: %v", tool, kind, path, err)
		}
		return value
	}
	var result GitOps
	var files, values any
	if tool == "argocd" {
		source := func(path ...string) any { return find("Application", append([]string{"spec", "source"}, path...)...) }
		result = GitOps{Version: source("targetRevision").(string), Release: source("helm", "releaseName").(string),
			Namespace: find("Application", "spec", "destination", "namespace").(string)}
		files, values = source("helm", "valueFiles"), source("helm", "valuesObject")
	} else {
		if find("HelmRelease", "spec", "chartRef", "name") != find("HelmChart", "metadata", "name") {
			t.Fatal("flux: the HelmRelease is of another HelmChart")
		}
		result = GitOps{Version: find("HelmChart", "spec", "version").(string), Release: find("HelmRelease", "spec", "releaseName").(string),
			Namespace: find("HelmRelease", "metadata", "namespace").(string)}
		files, values = find("HelmChart", "spec", "valuesFiles"), find("HelmRelease", "spec", "values")
	}
	for _, file := range files.([]any) {
		result.Files = append(result.Files, file.(string))
	}
	result.Values = values.(map[string]any)
	return result
}

// Arguments returns Helm's arguments for the chart and the values.
func (says GitOps) Arguments(t testing.TB) []string {
	t.Helper()
	values, err := yaml.Marshal(says.Values)
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{says.Release, Chart, "--namespace", says.Namespace}
	for _, file := range says.Files {
		arguments = append(arguments, "--values", Chart+"/"+file)
	}
	return append(arguments, "--values", Write(t, t.TempDir()+"/values.yaml", string(values)))
}

// Rendered returns the chart as Argo CD renders it: without asking a cluster.
func (says GitOps) Rendered(t testing.TB) string {
	t.Helper()
	arguments := append([]string{"template"}, says.Arguments(t)...)
	rendered := Run(t, Tool("helm"), append(arguments, today...)...)
	return strings.TrimSpace(rendered) + "\n"
}
