package chart

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func vaults(t *testing.T) map[string][]string {
	all := map[string][]string{}
	files, _ := os.ReadDir(kit.At("k8s/vault"))
	for _, file := range files {
		if regexp.MustCompile(`\.yaml$`).MatchString(file.Name()) {
			all[file.Name()] = []string{"--values", kit.Values("prod"), "--values", kit.At("k8s/vault", file.Name())}
		}
	}
	if len(all) != 3 {
		t.Fatalf("%d ways to Vault", len(all))
	}
	return all
}

// If a name or a key differed in one place, the pods would wait for a Secret for ever.
func TestTheSecretsThatComeFromVaultAreThoseThatPodsRead(t *testing.T) {
	reads := regexp.MustCompile(`secretKeyRef: \{name: "([^"]+)", key: "?([^",}]+)"?(, optional: true)?\}`)
	written := inVault(t)
	for name, arguments := range vaults(t) {
		output := kit.Template(t, arguments...)
		read, optional := map[string]bool{}, map[string]bool{}
		for _, found := range reads.FindAllStringSubmatch(output, -1) {
			if key := found[1] + " " + found[2]; found[3] == "" {
				read[key] = true
			} else {
				optional[key] = true
			}
		}
		made, asked := fromVault(t, kit.Objects(t, output))
		maps.DeleteFunc(made, func(key string, _ bool) bool { return optional[key] })
		if len(read) != 3 || !maps.Equal(read, made) {
			t.Errorf("%s: read are %q, made are %q", name, slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(made)))
		}
		for _, key := range asked {
			if !written[key] {
				t.Errorf("%s asks Vault for %q, which the page does not write: %q", name, key, slices.Sorted(maps.Keys(written)))
			}
		}
		if len(asked) < 2 {
			t.Errorf("%s asks Vault for %q only", name, asked)
		}
	}
}

// inVault returns what k8s/vault/README.md writes into Vault: each path and key.
func inVault(t *testing.T) map[string]bool {
	written := map[string]bool{}
	for _, line := range regexp.MustCompile("vault kv put secret/(money-bank/[a-z]+)([^`\n]+)").FindAllStringSubmatch(kit.Read(t, "k8s/vault/README.md"), -1) {
		for _, key := range regexp.MustCompile(` ([a-z-]+)=`).FindAllStringSubmatch(line[2], -1) {
			written[line[1]+" "+key[1]] = true
		}
	}
	return written
}

// secrets are the Secrets that objects make, each name and key, and what they ask Vault for, each path and key.
type secrets struct {
	made  map[string]bool
	asked []string
}

// fromVault returns the Secrets of each way to Vault: External Secrets, the CSI driver, the agent injector.
func fromVault(t *testing.T, objects []unstructured.Unstructured) (made map[string]bool, asked []string) {
	t.Helper()
	all := secrets{made: map[string]bool{}}
	for _, object := range objects {
		switch object.GetKind() {
		case "ExternalSecret":
			all.addExternalSecret(t, object)
		case "SecretProviderClass":
			all.addProviderClass(t, object)
		case "CronJob":
			all.addInjected(t, object)
		}
	}
	return all.made, all.asked
}

func (s *secrets) addExternalSecret(t *testing.T, object unstructured.Unstructured) {
	t.Helper()
	var spec struct {
		Target struct {
			Name     string
			Template struct{ Data map[string]string }
		}
		Data []struct {
			SecretKey string
			RemoteRef struct{ Key, Property string }
		}
	}
	convert(t, object.Object["spec"], &spec)
	for _, data := range spec.Data {
		s.asked = append(s.asked, data.RemoteRef.Key+" "+data.RemoteRef.Property)
		// With a template only its keys are made.
		if spec.Target.Template.Data == nil {
			s.made[spec.Target.Name+" "+data.SecretKey] = true
		}
	}
	for key := range spec.Target.Template.Data {
		s.made[spec.Target.Name+" "+key] = true
	}
}

func (s *secrets) addProviderClass(t *testing.T, object unstructured.Unstructured) {
	t.Helper()
	var spec struct {
		Parameters    map[string]string
		SecretObjects []struct {
			SecretName string
			Data       []struct{ ObjectName, Key string }
		}
	}
	convert(t, object.Object["spec"], &spec)
	var files []struct{ ObjectName, SecretPath, SecretKey string }
	if err := yaml.Unmarshal([]byte(spec.Parameters["objects"]), &files); err != nil {
		t.Fatal(err)
	}
	mounted := map[string]bool{}
	for _, file := range files {
		mounted[file.ObjectName] = true
		s.asked = append(s.asked, strings.TrimPrefix(file.SecretPath, "secret/data/")+" "+file.SecretKey)
	}
	for _, secret := range spec.SecretObjects {
		for _, data := range secret.Data {
			// A key whose file is not mounted is not made.
			if mounted[data.ObjectName] {
				s.made[secret.SecretName+" "+data.Key] = true
			}
		}
	}
}

// addInjected reads the annotations of the CronJob that writes the Secrets, with files that Vault's agent makes from templates.
func (s *secrets) addInjected(t *testing.T, object unstructured.Unstructured) {
	t.Helper()
	annotations, _, err := unstructured.NestedStringMap(object.Object, "spec", "jobTemplate", "spec", "template", "metadata", "annotations")
	if err != nil {
		t.Fatal(err)
	}
	for annotation, text := range annotations {
		file, is := strings.CutPrefix(annotation, "vault.hashicorp.com/agent-inject-template-")
		if !is {
			continue
		}
		path := regexp.MustCompile(`with secret "secret/data/([^"]+)"`).FindStringSubmatch(text)
		secret := regexp.MustCompile(`metadata: \{name: (.*)\}`).FindStringSubmatch(text)
		if path == nil || secret == nil || annotations["vault.hashicorp.com/agent-inject-secret-"+file] != "secret/data/"+path[1] {
			t.Fatalf("%s: %s", annotation, text)
		}
		for _, key := range regexp.MustCompile(`(?m)^  ([a-z-]+): \{\{`).FindAllStringSubmatch(text, -1) {
			s.made[secret[1]+" "+key[1]] = true
		}
		for _, key := range regexp.MustCompile(`\.Data\.data(?:\.([a-z]+)| "([a-z-]+)")`).FindAllStringSubmatch(text, -1) {
			s.asked = append(s.asked, path[1]+" "+key[1]+key[2])
		}
	}
}

func convert(t *testing.T, from, to any) {
	t.Helper()
	text, err := yaml.Marshal(from)
	if err == nil {
		err = yaml.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
