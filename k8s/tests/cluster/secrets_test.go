//go:build all

package cluster

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	"sigs.k8s.io/yaml"
)

// The real External Secrets Operator. Its provider `fake` stands in for Vault; the rest is ../../vault/external-secrets.yaml.
func externalSecrets(t *testing.T, plane *Plane) {
	plane.kubectl("apply", "--server-side", "-f", filepath.Join(kit.Module(t, "github.com/external-secrets/external-secrets@v0.16.2"),
		"config/crds/bases/generators.external-secrets.io_generatorstates.yaml"))
	operator := kit.Start(plane, "external-secrets", []string{"KUBECONFIG=" + plane.kubeconfig}, kit.Tool("external-secrets"),
		"--metrics-addr=127.0.0.1:0", "--enable-cluster-store-reconciler=false", "--enable-cluster-external-secret-reconciler=false",
		"--enable-cluster-push-secret-reconciler=false", "--enable-push-secret-reconciler=false")
	namespace := plane.namespace("vault")
	has := func(secret string, wanted map[string]string) {
		t.Helper()
		kit.Eventually(plane, "External Secrets make "+secret, func() error {
			if err := operator.Runs(); err != nil {
				t.Fatal(err)
			}
			for key, value := range wanted {
				found, err := kit.Try(kit.Tool("kubectl"), "--kubeconfig", plane.kubeconfig, "-n", namespace, "get", "secret", secret, "-o", "jsonpath={.data."+key+"}")
				if err != nil {
					return err
				}
				if text, err := base64.StdEncoding.DecodeString(found); err != nil || string(text) != value {
					return fmt.Errorf("%s of %s is %q, not %q: %v", key, secret, text, value, err)
				}
			}
			return nil
		})
	}
	plane.install(namespace, kit.Chart, "--values", fromFake(plane, `{"password": "a b/c%"}`))
	has("bank-redis", map[string]string{"password": "a b/c%", "url": "redis://:a%20b%2Fc%25@bank-redis:6379"})
	has("bank-tokens", map[string]string{"jwt-secret": strings.Repeat("k", 32)})

	// The way k8s/vault/README.md says it.
	plane.install(namespace, kit.Chart, "--values", fromFake(plane, `{"password": "second", "previous-password": "a b/c%"}`), "--set", "externalSecret.previousProperty=previous-password")
	plane.kubectl("-n", namespace, "annotate", "externalsecret", "bank-redis", "force-sync=1")
	has("bank-redis", map[string]string{"password": "second", "previous-password": "a b/c%", "url": "redis://:second@bank-redis:6379"})
}

// fromFake is Vault's values file with these secrets in the fake provider.
func fromFake(p *Plane, redis string) string {
	p.Helper()
	var values map[string]any
	if err := yaml.Unmarshal([]byte(kit.Read(p, "k8s/vault/external-secrets.yaml")), &values); err != nil {
		p.Fatal(err)
	}
	for _, object := range values["extraObjects"].([]any) {
		if object := object.(map[string]any); object["kind"] == "SecretStore" {
			object["spec"] = map[string]any{"provider": map[string]any{"fake": map[string]any{"data": []any{
				map[string]any{"key": "money-bank/redis", "value": redis},
				map[string]any{"key": "money-bank/tokens", "value": `{"jwt-secret": "` + strings.Repeat("k", 32) + `"}`},
			}}}}
		}
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		p.Fatal(err)
	}
	return kit.Write(p, p.TempDir()+"/values.yaml", string(text))
}
