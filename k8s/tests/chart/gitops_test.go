package chart

import (
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// gitOps is what an Application and a HelmRelease say alike of an environment.
type gitOps struct {
	version, release, namespace string
	files                       []string
	values                      document
}

// said is what the file of a tool for an environment says.
func said(t *testing.T, tool, environment string) gitOps {
	t.Helper()
	objects := kit.Objects(t, kit.Read(t, "k8s/gitops/"+tool+"/"+environment+".yaml"))
	find := func(kind string) func(path ...string) any {
		index := slices.IndexFunc(objects, func(object unstructured.Unstructured) bool { return object.GetKind() == kind })
		if index < 0 {
			t.Fatalf("%s of %s: no %s", tool, environment, kind)
		}
		return func(path ...string) any {
			value, found, err := unstructured.NestedFieldNoCopy(objects[index].Object, path...)
			if err != nil || !found {
				t.Fatalf("%s of %s: %s has no %v: %v", tool, environment, kind, path, err)
			}
			return value
		}
	}
	var result gitOps
	var files any
	if tool == "argocd" {
		of := find("Application")
		result = gitOps{version: of("spec", "source", "targetRevision").(string), release: of("spec", "source", "helm", "releaseName").(string),
			namespace: of("spec", "destination", "namespace").(string), values: of("spec", "source", "helm", "valuesObject").(document)}
		files = of("spec", "source", "helm", "valueFiles")
	} else {
		of := find("HelmRelease")
		result = gitOps{version: of("spec", "chart", "spec", "version").(string), release: of("spec", "releaseName").(string),
			namespace: of("metadata", "namespace").(string), values: of("spec", "values").(document)}
		files = of("spec", "chart", "spec", "valuesFiles")
	}
	for _, file := range files.([]any) {
		result.files = append(result.files, file.(string))
	}
	return result
}

// everyGitOps does something for each tool and environment.
func everyGitOps(t *testing.T, check func(t *testing.T, environment string, says gitOps)) {
	for _, tool := range []string{"argocd", "flux"} {
		for _, environment := range kit.Environments {
			t.Run(tool+" "+environment, func(t *testing.T) { check(t, environment, said(t, tool, environment)) })
		}
	}
}

// rendered is the chart as those tools render it: asking no cluster.
func (says gitOps) rendered(t *testing.T) string {
	t.Helper()
	values, err := yaml.Marshal(says.values)
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"template", says.release, kit.Chart, "--namespace", says.namespace, "--kube-version", "1.37",
		"--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"}
	for _, file := range says.files {
		arguments = append(arguments, "--values", kit.Chart+"/"+file)
	}
	return kit.Run(t, kit.Tool("helm"), append(arguments, "--values", kit.Write(t, t.TempDir()+"/values.yaml", string(values)))...)
}

func TestGitOpsTakesTheReleasedChartForItsEnvironment(t *testing.T) {
	var chart struct{ Version string }
	if err := yaml.Unmarshal([]byte(kit.Read(t, "k8s/chart/Chart.yaml")), &chart); err != nil {
		t.Fatal(err)
	}
	everyGitOps(t, func(t *testing.T, environment string, says gitOps) {
		namespace := strings.TrimSuffix("money-bank-"+environment, "-prod")
		if says.version != chart.Version || says.release != "bank" || says.namespace != namespace || !slices.Contains(says.files, "values-"+environment+".yaml") {
			t.Errorf("%+v", says)
		}
	})
}

func TestGitOpsRendersTheSameEachTimeAndNoSecret(t *testing.T) {
	everyGitOps(t, func(t *testing.T, environment string, says gitOps) {
		once := says.rendered(t)
		if again := says.rendered(t); once != again {
			t.Error("it would drift: two renderings differ")
		}
		for _, object := range kit.Objects(t, once) {
			if object.GetKind() == "Secret" {
				t.Errorf("it renders the Secret %s", object.GetName())
			}
		}
	})
}

// What the test above finds: a password that is generated.
func TestTheChartsOwnPasswordWouldDrift(t *testing.T) {
	says := said(t, "argocd", "dev")
	delete(says.values, "redis")
	if says.rendered(t) == says.rendered(t) {
		t.Error("two renderings with a generated password are the same")
	}
}

// Without a cluster to ask nothing but the autoscaler knows the number, and of a number that is no longer named the API server makes one.
func TestArgoCDLeavesTheNumberOfPodsToTheAutoscaler(t *testing.T) {
	for _, environment := range []string{"staging", "prod"} {
		says := said(t, "argocd", environment)
		says.values["runtime"] = "bank"
		find := func(objects []unstructured.Unstructured, kind string) document {
			index := slices.IndexFunc(objects, func(object unstructured.Unstructured) bool { return object.GetKind() == kind })
			if index < 0 {
				t.Fatalf("%s: there is no %s", environment, kind)
			}
			return objects[index].Object["spec"].(document)
		}
		rendered := kit.Objects(t, says.rendered(t))
		find(rendered, "HorizontalPodAutoscaler")
		if replicas, is := find(rendered, "Deployment")["replicas"]; is {
			t.Errorf("%s: the Deployment is to have %v pods", environment, replicas)
		}
		application := find(kit.Objects(t, kit.Read(t, "k8s/gitops/argocd/"+environment+".yaml")), "Application")
		ignored, _ := yaml.Marshal(application["ignoreDifferences"])
		options, _ := yaml.Marshal(application["syncPolicy"])
		if string(ignored) != "- group: apps\n  jsonPointers:\n  - /spec/replicas\n  kind: Deployment\n" || !strings.Contains(string(options), "RespectIgnoreDifferences=true") {
			t.Errorf("%s: Argo CD takes back what the autoscaler says:\n%s%s", environment, ignored, options)
		}
	}
}

func TestGitOpsHasTheFormThatArgoCDAndFluxDefine(t *testing.T) {
	folder := t.TempDir()
	builtIn(t, folder)
	custom(t, folder)
	location := folder + "/{{ .ResourceKind }}{{ .KindSuffix }}.json"
	kit.Run(t, kit.Tool("kubeconform"), "-strict", "-schema-location", location, kit.At("k8s/gitops/argocd"), kit.At("k8s/gitops/flux"))
	for file, planted := range map[string][2]string{
		"argocd/prod.yaml": {"selfHeal: true", "selfHeals: true"},
		"flux/prod.yaml":   {"mode: enabled", "mode: sometimes"},
	} {
		text := kit.Read(t, "k8s/gitops/"+file)
		broken := kit.Write(t, folder+"/broken.yaml", strings.Replace(text, planted[0], planted[1], 1))
		if output, err := kit.Try(kit.Tool("kubeconform"), "-strict", "-schema-location", location, broken); err == nil || text == kit.Read(t, broken) {
			t.Errorf("%s: %s is accepted:\n%s", file, planted[1], output)
		}
	}
}
