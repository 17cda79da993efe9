package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/crds"
)

func TestKubeconformAcceptsEveryRenderingStrictly(t *testing.T) {
	folder := t.TempDir()
	builtIn(t, folder)
	custom(t, folder)
	for name, arguments := range renderings(t) {
		// kubeconform skips a file without this suffix, and reports success.
		file := kit.Write(t, filepath.Join(t.TempDir(), name+".yaml"), kit.Template(t, arguments...))
		// No schema of these kinds can be had as a Go module without further dependencies.
		kit.Run(t, kit.Tool("kubeconform"), "-strict", "-skip", "Route,ClientSettingsPolicy,SecretProviderClass", "-schema-location",
			folder+"/{{ .ResourceKind }}{{ .KindSuffix }}.json", file)
	}
	for _, environment := range kit.Overlays {
		kit.Run(t, kit.Tool("kubeconform"), "-strict", "-schema-location",
			folder+"/{{ .ResourceKind }}{{ .KindSuffix }}.json",
			"-ignore-filename-pattern", "kustomization", kit.At("k8s/manifests", environment))
	}
}

func TestKubeconformRefusesAnUnknownField(t *testing.T) {
	folder := t.TempDir()
	custom(t, folder)
	file := kit.Write(t, folder+"/app.yaml", "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\nmetadata: {name: a}\nspec: {image: i, executor: e, securityContext: {}}\n")
	output, err := kit.Try(kit.Tool("kubeconform"), "-strict", "-schema-location", folder+"/{{ .ResourceKind }}{{ .KindSuffix }}.json", file)
	if err == nil || kit.Missing(output, "securityContext") != nil {
		t.Errorf("a SpinApp with a securityContext: %v\n%s", err, output)
	}
}

type document = map[string]any

// builtIn writes the schemas of Kubernetes' own kinds, from the OpenAPI documents in its module.
func builtIn(t *testing.T, folder string) {
	t.Helper()
	files, _ := filepath.Glob(kit.Required(t, "k8s.io/kubernetes") + "/api/openapi-spec/v3/*_openapi.json")
	for _, file := range files {
		var api struct {
			Components struct{ Schemas map[string]document }
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &api); err != nil {
			t.Fatal(err)
		}
		for name, schema := range api.Components.Schemas {
			kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
			if len(kinds) != 1 {
				continue
			}
			kind := kinds[0].(document)
			reached := document{}
			reach(api.Components.Schemas, name, reached)
			save(t, folder, kind["kind"].(string), kind["group"].(string), kind["version"].(string), document{
				"$ref": "#/components/schemas/" + name, "components": document{"schemas": reached},
			})
		}
	}
}

// reach copies a schema, and those that it refers to, into a map.
func reach(all map[string]document, name string, into document) {
	if into[name] != nil {
		return
	}
	into[name] = document{} // so that a schema that refers to itself ends
	into[name] = strict(all[name], func(reference string) {
		reach(all, strings.TrimPrefix(reference, "#/components/schemas/"), into)
	})
}

// custom writes the schemas of all custom kinds.
func custom(t *testing.T, folder string) {
	t.Helper()
	for _, file := range crds.Files(t) {
		for _, crd := range kit.Objects(t, kit.Read(t, file)) {
			spec := crd.Object["spec"].(document)
			for _, version := range spec["versions"].([]any) {
				schema := version.(document)["schema"].(document)["openAPIV3Schema"].(document)
				properties := schema["properties"].(document)
				properties["apiVersion"], properties["kind"] = document{"type": "string"}, document{"type": "string"}
				properties["metadata"] = document{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
				save(t, folder, spec["names"].(document)["kind"].(string), spec["group"].(string),
					version.(document)["name"].(string), strict(schema, func(string) {}).(document))
			}
		}
	}
}

// strict returns a schema that allows only the properties it names, as the API server does.
func strict(schema any, referred func(string)) any {
	switch schema := schema.(type) {
	case document:
		copied := document{}
		for name, value := range schema {
			if reference, is := value.(string); is && name == "$ref" {
				referred(reference)
			}
			copied[name] = strict(value, referred)
		}
		_, isProperties := copied["properties"].(document)
		_, isOpen := copied["additionalProperties"]
		if isProperties && copied["type"] == "object" && !isOpen && copied["x-kubernetes-preserve-unknown-fields"] != true {
			copied["additionalProperties"] = false
		}
		if copied["x-kubernetes-int-or-string"] == true {
			delete(copied, "type")
		}
		return copied
	case []any:
		copied := make([]any, len(schema))
		for index, value := range schema {
			copied[index] = strict(value, referred)
		}
		return copied
	}
	return schema
}

// save writes a schema under the name that kubeconform asks for.
func save(t *testing.T, folder, kind, group, version string, schema document) {
	t.Helper()
	name := strings.ToLower(kind)
	if group != "" {
		name += "-" + strings.ToLower(strings.Split(group, ".")[0])
	}
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	kit.Write(t, filepath.Join(folder, name+"-"+version+".json"), string(text))
}
