//go:build node

package node

import (
	"os"
	"regexp"
	"strings"
	"time"

	"moneybank/k8s/tests/kit"
)

// kept is what must stay whatever is done to the release: a wallet, and Redis' password.
type kept struct{ wallet, password string }

func (n *Node) ask(method, path, body string) string {
	n.Helper()
	status, text, err := (&client{address: n.service(), user: "who-stays"}).ask(method, path, "the-only-one", body)
	if err != nil || status != 200 {
		n.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
	return text
}

func (n *Node) kept() kept {
	n.Helper()
	return kept{n.ask("GET", "/v1/wallet", ""), n.kubectl("-n", namespace, "get", "secret", "bank-redis", "--output=jsonpath={.data.password}")}
}

func (n *Node) stays(before kept, what string) {
	n.Helper()
	if after := n.kept(); after != before {
		n.Errorf("after %s the wallet is %s, it was %s; the password is the same: %v", what, after.wallet, before.wallet, after.password == before.password)
	}
}

// before is the chart of the last commit on main, or where that is checked out, of the one before it.
func (n *Node) before() string {
	n.Helper()
	git := func(arguments ...string) string {
		n.Helper()
		return strings.TrimSpace(kit.Run(n, "git", append([]string{"-c", "safe.directory=*", "-C", kit.Root}, arguments...)...))
	}
	commit := git("rev-parse", "HEAD^")
	if main, err := kit.Try("git", "-c", "safe.directory=*", "-C", kit.Root, "rev-parse", "--verify", "--quiet", "main"); err == nil && strings.TrimSpace(main) != git("rev-parse", "HEAD") {
		commit = strings.TrimSpace(main)
	}
	n.Logf("the chart before is that of %s", git("log", "-1", "--format=%h %s", commit))
	folder := n.folder + "/before"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		n.Fatal(err)
	}
	archive := folder + "/chart.tar"
	git("archive", "--output="+archive, commit, "k8s/chart")
	kit.Run(n, "tar", "--extract", "--file", archive, "--directory", folder)
	return folder + "/k8s/chart"
}

func releasesComeAndGoAndMoneyStays(n *Node) {
	n.prepare()
	n.install(n.before())
	n.ask("POST", "/v1/deposit", `{"amount":"10.50"}`)
	before := n.kept()
	n.install(kit.Chart)
	n.stays(before, "an upgrade from the chart before")
	n.helm("rollback", "bank", "1", "--namespace", namespace)
	n.comesUp()
	n.stays(before, "a rollback")
	// The chart before may let an uninstall take the password.
	n.install(kit.Chart)
	n.helm("uninstall", "bank", "--namespace", namespace, "--wait")
	n.install(kit.Chart)
	// An uninstall leaves the claim alone, and the password.
	n.stays(before, "a new installation")
}

func exportsAreMadeAndRestored(n *Node) {
	n.install(kit.Chart)
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
	n.restores(regexp.MustCompile(`/backups/bank-.+\.jsonl`).FindString(exported))
}

var restore = regexp.MustCompile("(?s)<!-- a restore on Kubernetes -->\n```sh\n(.*?)```\n")

// restores runs the lines of docs/backup.md as they stand there, but for the namespace and the file: Redis is emptied, and has the money again.
func (n *Node) restores(file string) {
	n.Helper()
	found := restore.FindStringSubmatch(kit.Read(n, "docs/backup.md"))
	if found == nil {
		n.Fatal("docs/backup.md has no lines for a restore on Kubernetes")
	}
	before := n.kept()
	lines := strings.ReplaceAll(found[1], "-n NS", "-n "+namespace)
	lines = regexp.MustCompile(`(?m)^FILE=.*$`).ReplaceAllString(lines, "FILE="+file)
	if err := kit.Missing(n.lines(kit.Root, lines), "imported."); err != nil {
		n.Error(err)
	}
	n.comesUp()
	n.stays(before, "a restore")
}
