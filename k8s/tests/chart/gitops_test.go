package chart

import (
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// gitOpsOf is what the file of a tool says of an environment.
func gitOpsOf(t *testing.T, tool, environment string) kit.GitOps {
	t.Helper()
	return kit.GitOpsOf(t, tool, kit.Objects(t, kit.Read(t, kit.GitOpsFile(tool, environment))))
}

// everyGitOps does something for each tool and environment.
func everyGitOps(t *testing.T, check func(t *testing.T, environment string, says kit.GitOps)) {
	for _, tool := range kit.GitOpsTools {
		for _, environment := range kit.Environments {
			t.Run(tool+" "+environment, func(t *testing.T) { check(t, environment, gitOpsOf(t, tool, environment)) })
		}
	}
}

func TestGitOpsTakesTheReleasedChartForItsEnvironment(t *testing.T) {
	var chart struct{ Version string }
	if err := yaml.Unmarshal([]byte(kit.Read(t, "k8s/chart/Chart.yaml")), &chart); err != nil {
		t.Fatal(err)
	}
	everyGitOps(t, func(t *testing.T, environment string, says kit.GitOps) {
		namespace := strings.TrimSuffix("money-bank-"+environment, "-prod")
		if says.Version != chart.Version || says.Release != "bank" || says.Namespace != namespace || !slices.Contains(says.Files, "values-"+environment+".yaml") {
			t.Errorf("%+v", says)
		}
	})
}

func TestGitOpsRendersTheSameEachTimeAndNoSecret(t *testing.T) {
	everyGitOps(t, func(t *testing.T, environment string, says kit.GitOps) {
		once := says.Rendered(t)
		if again := says.Rendered(t); once != again {
			t.Error("it would drift: two renderings differ")
		}
		for _, object := range kit.Objects(t, once) {
			if object.GetKind() == "Secret" {
				t.Errorf("it renders the Secret %s", object.GetName())
			}
		}
	})
}

// This proves that the test above can fail: a generated password drifts.
func TestTheChartsOwnPasswordWouldDrift(t *testing.T) {
	says := gitOpsOf(t, "argocd", "dev")
	delete(says.Values, "redis")
	if says.Rendered(t) == says.Rendered(t) {
		t.Error("two renderings with a generated password are the same")
	}
}

// Rendered without a cluster, the chart does not know how many pods the autoscaler wants. If the field is left out,
// the API server sets it to one.
func TestArgoCDLeavesTheNumberOfPodsToTheAutoscaler(t *testing.T) {
	for _, environment := range []string{"staging", "prod"} {
		says := gitOpsOf(t, "argocd", environment)
		says.Values["runtime"] = "bank"
		find := func(objects []unstructured.Unstructured, kind string) document {
			index := slices.IndexFunc(objects, func(object unstructured.Unstructured) bool { return object.GetKind() == kind })
			if index < 0 {
				t.Fatalf("%s: there is no %s", environment, kind)
			}
			return objects[index].Object["spec"].(document)
		}
		rendered := kit.Objects(t, says.Rendered(t))
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
