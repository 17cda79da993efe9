package chart

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"moneybank/k8s/tests/kit"
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

// If a name differed in one place, the pods would wait for a Secret for ever.
func TestTheSecretsThatComeFromVaultAreThoseThatPodsRead(t *testing.T) {
	reads := regexp.MustCompile(`secretKeyRef: \{name: "([^"]+)", key: "?([^",}]+)"?\}`)
	makes := regexp.MustCompile(`(?m)^ +(?:- )?secretName: (bank-.*)$|^ +target:\n +name: "?(.*?)"?$|metadata: \{name: (.*)\}$`)
	for name, arguments := range vaults(t) {
		output := kit.Template(t, arguments...)
		read, made := map[string]bool{}, map[string]bool{}
		for _, found := range reads.FindAllStringSubmatch(output, -1) {
			read[found[1]] = true
		}
		for _, found := range makes.FindAllStringSubmatch(output, -1) {
			made[found[1]+found[2]+found[3]] = true
		}
		if len(read) != 2 || !maps.Equal(read, made) {
			t.Errorf("%s: read are %v, made are %v", name, slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(made)))
		}
	}
}
