//go:build node

package node

import (
	"os"
	"strings"

	"moneybank/k8s/tests/kit"
)

// kept is what must survive every change of the release: a wallet, and Redis' password.
type kept struct{ wallet, password string }

func (n *Node) ask(method, path, body string) string {
	n.Helper()
	var status int
	var text string
	// A pod is ready a moment before kube-proxy knows.
	kit.Eventually(n, method+" "+path+" is answered", func() (err error) {
		status, text, err = (&client{address: n.service(), user: "who-stays"}).ask(method, path, "the-only-one", body)
		return err
	})
	if status != 200 {
		n.Fatalf("%s %s: %d %s", method, path, status, text)
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

// before returns the chart of the last commit on main or, on main itself, of the commit before.
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
	// The chart before may let an uninstall delete the password.
	n.install(kit.Chart)
	n.helm("uninstall", "bank", "--namespace", namespace, "--wait")
	n.install(kit.Chart)
	// An uninstall keeps the claim and the password.
	n.stays(before, "a new installation")
}
