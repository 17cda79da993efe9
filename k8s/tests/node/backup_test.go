//go:build node

package node

import (
	"regexp"
	"strings"
	"time"

	"moneybank/k8s/tests/kit"
)

func exportsAreMadeAndRestored(n *Node) {
	n.install(kit.Chart)
	before := n.kept()
	n.restores(n.exportsAndDrills(), func(lines string) string { return lines })
	n.comesUp()
	n.stays(before, "a restore")
}

// One pod, with SQLite on a claim.
func exportsOfSQLiteAreMadeAndRestored(n *Node) {
	n.kubectl("delete", "namespace", namespace, "--timeout=120s")
	n.makeNamespace()
	installed := func() {
		n.Helper()
		n.helm(append([]string{"upgrade", "--install", "bank", kit.Chart, "--set", "redis.enabled=false,store.sqlite.enabled=true,autoscaling.enabled=false,replicas=1"}, n.production()...)...)
		n.rollout("deployment/bank")
		n.waitForPods(1)
	}
	claim := func() string {
		n.Helper()
		return n.kubectl("-n", namespace, "get", "pvc", "bank-data", "--output=jsonpath={.metadata.uid}")
	}
	installed()
	n.ask("POST", "/v1/deposit", `{"amount":"10.50"}`)
	wallet, disk := n.ask("GET", "/v1/wallet", ""), claim()
	lines := kit.Block(n, "docs/backup.md", "in place of FLUSHALL, for SQLite")
	n.restores(n.exportsAndDrills(), func(all string) string {
		all = regexp.MustCompile(`(?m)^.* FLUSHALL .*\n`).ReplaceAllLiteralString(all, lines)
		return strings.Replace(all, "--replicas=3", "--replicas=1", 1)
	})
	if claim() == disk {
		n.Error("the claim is the one that was there before")
	}
	// Helm makes the claim anew, as it made the one before.
	installed()
	// Its idempotency key is known.
	n.ask("POST", "/v1/deposit", `{"amount":"10.50"}`)
	if after := n.ask("GET", "/v1/wallet", ""); after != wallet {
		n.Errorf("after a restore the wallet is %s, it was %s", after, wallet)
	}
}

// exportsAndDrills runs both CronJobs once, and returns the name of the export.
func (n *Node) exportsAndDrills() string {
	n.Helper()
	run := func(name string) string {
		n.Helper()
		began := time.Now()
		n.kubectl("-n", namespace, "create", "job", "--from=cronjob/bank-"+name, name)
		output, err := kit.Try(kit.Tool("kubectl"), "--kubeconfig", n.Kubeconfig, "-n", namespace, "wait", "--for=condition=complete", "--timeout=120s", "job/"+name)
		logs := n.kubectl("-n", namespace, "logs", "job/"+name, "--all-containers")
		if err != nil {
			n.Fatalf("%s: %v %s\n%s\n%s", name, err, output, logs, n.kubectl("-n", namespace, "get", "pods,events"))
		}
		n.Logf("%s was done after %.1f s:\n%s", name, time.Since(began).Seconds(), logs)
		return logs
	}
	exported := run("backup")
	balance := regexp.MustCompile(`(?m)^balance +\d+\.\d+$`).FindString(exported)
	if balance == "" {
		n.Error("the export has no balance")
	}
	if err := kit.Missing(run("drill"), balance, "broken       0"); err != nil {
		n.Error(err)
	}
	return regexp.MustCompile(`/backups/bank-.+\.jsonl`).FindString(exported)
}

// restores empties the store and runs the lines of docs/backup.md, with this namespace and file, and the changes that the page names.
// Then the store has the money again.
func (n *Node) restores(file string, change func(lines string) string) {
	n.Helper()
	lines := change(kit.Block(n, "docs/backup.md", "a restore on Kubernetes"))
	lines = strings.ReplaceAll(lines, "-n NAMESPACE", "-n "+namespace)
	lines = regexp.MustCompile(`(?m)^FILE=.*$`).ReplaceAllString(lines, "FILE="+file)
	if err := kit.Missing(n.lines(kit.Root, lines), "imported."); err != nil {
		n.Error(err)
	}
}
