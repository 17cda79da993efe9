package chart

import (
	"fmt"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
)

// Without a cluster Helm knows no MutatingAdmissionPolicy, as with an older API server.
func TestTheNotesSayWhatIsMissing(t *testing.T) {
	for values, said := range map[string]string{
		"replicas=1":                 "! This API server has no MutatingAdmissionPolicy",
		"ingress.enabled=false":      "It cannot be reached from outside",
		"redis.password.source=none": "! Redis has no password",
		"redis.enabled=false,redis.external.url=redis://c:63": "! networkPolicy.redisCidrs is empty",
		"ingress.enabled=true,tls.mode=selfSigned":            "curl https://bank.localhost/readyz",
		"tolerations[0].operator=Exists":                      "! `tolerations` and `podPolicy.affinity` have no effect on it.",
		"monitoring.collector.enabled=true":                   "executor.otlpEndpoint=http://bank-collector.monitoring:4318",
		"monitoring.rules.enabled=true":                       "! The rules are on, but the chart's Collector is off",
		"replicas=2":                                          "An uninstall keeps the claim of Redis",
	} {
		notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--values", kit.InFront, "--set", values)
		if err := kit.Missing(notes, said); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// It comes first, so that it is read also by somebody who stops there.
func TestTheNotesSayFirstWhomTheBankBelieves(t *testing.T) {
	const jwt = "auth.mode=jwt,auth.audience=bank,auth.issuer=https://login.example.com"
	for values, first := range map[string]string{
		"replicas=1": "! auth.mode is header: the bank trusts the header that names the user, so anyone who can reach it can move anybody's money.\n! Use that only locally.",
		"auth.trustGateway=true,auth.gatewayPods.app=edge": "! auth.mode is header: the bank trusts the header that names the user, so anyone who can reach it can move anybody's money.\n! auth.trustGateway says that a gateway",
		jwt: "Money Bank is being installed.",
	} {
		notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--values", kit.InFront, "--set", values)
		if _, said, _ := strings.Cut(notes, "\nNOTES:\n"); !strings.HasPrefix(said, first) {
			t.Errorf("%s: %s", values, said)
		}
	}
	notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--set", jwt+",auth.clientId=page")
	if err := kit.Missing(notes, "Users are identified by tokens of https://login.example.com", "http://bank.localhost/docs/oauth2-redirect.html"); err != nil {
		t.Error(err)
	}
}

func TestTheNotesSayNothingOfAClaimThatIsNotThere(t *testing.T) {
	notes := kit.Run(t, kit.Tool("helm"), "install", "bank", kit.Chart, "--dry-run=client", "--set", "redis.enabled=false,redis.external.secretName=mine")
	if _, said, _ := strings.Cut(notes, "\nNOTES:\n"); strings.Contains(said, "claim") {
		t.Error(notes)
	}
}

// The application's pods meet `restricted` only with the pod policy: without it, a namespace that enforces it would admit none of them.
// The test puts a missing namespace, and a current API server, into a copy of the chart.
func TestTheNotesAskToEnforcePodSecurityOnlyWhereAllPodsMeetIt(t *testing.T) {
	for has, asked := range map[bool]bool{false: false, true: true} {
		chart := t.TempDir() + "/chart"
		kit.Run(t, "cp", "-r", kit.Chart, chart)
		for file, pair := range map[string][2]string{
			"NOTES.txt":    {`lookup "v1" "Namespace" "" .Release.Namespace`, `dict "metadata" dict`},
			"_helpers.tpl": {`.Capabilities.APIVersions.Has (printf "%s/v1/MutatingAdmissionPolicy" $group)`, fmt.Sprint(has)},
		} {
			path := chart + "/templates/" + file
			changed := strings.Replace(kit.Read(t, path), pair[0], pair[1], 1)
			if !strings.Contains(changed, pair[1]) {
				t.Fatalf("%s has no %s", file, pair[0])
			}
			kit.Write(t, path, changed)
		}
		for values, asked := range map[string]bool{"podPolicy.enabled=true": asked, "podPolicy.enabled=false": false} {
			notes := kit.Run(t, kit.Tool("helm"), "install", "bank", chart, "--dry-run=client", "--set", values)
			if strings.Contains(notes, "pod-security.kubernetes.io/enforce=restricted") != asked {
				t.Errorf("%s, an API server that has the policy: %v\n%s", values, has, notes)
			}
		}
	}
}
