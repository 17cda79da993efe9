package chart

import (
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
)

// Without a cluster Helm knows of no MutatingAdmissionPolicy, as with an older one.
func TestTheNotesSayWhatIsMissing(t *testing.T) {
	for values, said := range map[string]string{
		"replicas=1":                 "! This API server has no MutatingAdmissionPolicy",
		"ingress.enabled=false":      "Nothing leads to it from outside",
		"redis.password.source=none": "! Redis has no password",
		"redis.enabled=false,redis.external.url=redis://c:63": "! networkPolicy.redisCidrs is empty",
		"ingress.enabled=true,tls.mode=selfSigned":            "curl https://bank.localhost/readyz",
		"tolerations[0].operator=Exists":                      "! Nor do `tolerations` and `podPolicy.affinity` reach it.",
		"replicas=2":                                          "Uninstalling leaves the claim of Redis",
	} {
		notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--values", kit.InFront, "--set", values)
		if err := kit.Missing(notes, said); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestTheNotesSayNothingOfAClaimThatIsNotThere(t *testing.T) {
	notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--set", "redis.enabled=false,redis.external.secretName=mine")
	if strings.Contains(notes, "claim") {
		t.Error(notes)
	}
}
