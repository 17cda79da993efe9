//go:build node

package node

import (
	"os"
	"os/exec"
	"strings"
	"time"

	"moneybank/k8s/tests/kit"
)

// The time from `helm install` on, with the images present.
const aMinute = 60 * time.Second

// The test runs the page's lines as they are. It takes the time where `helm install` and `helm test` begin.
func thePagesLinesBringABankWithTLS(n *Node) {
	n.kubectl("delete", "namespace", namespace, "--timeout=120s")
	n.hasDisk()
	lines := kit.Block(n, "docs/start.md", "a cluster without SpinKube")
	before, install, is := strings.Cut(lines, "helm install ")
	if !is {
		n.Fatalf("there is no helm install in\n%s", lines)
	}
	install, after, is := strings.Cut("helm install "+install, "helm test bank --namespace money-bank\n")
	if !is {
		n.Fatalf("there is no helm test in\n%s", lines)
	}
	// A folder of its own: the lines write a key there.
	folder := n.folder + "/start"
	if err := os.Mkdir(folder, 0o700); err != nil {
		n.Fatal(err)
	}
	if err := os.Symlink(kit.At("k8s"), folder+"/k8s"); err != nil {
		n.Fatal(err)
	}
	n.start(before)
	began := time.Now()
	n.start(install)
	deposit := n.start(after)
	took := time.Since(began)
	if err := kit.Missing(deposit, `"balance":"10.50"`); err != nil {
		n.Error(err)
	}
	n.Logf("from helm install to a deposit over TLS it took %.1f s", took.Seconds())
	if took > aMinute {
		n.Errorf("it took more than %v", aMinute)
	}
	n.start("helm test bank --namespace money-bank")
}

// hasDisk sets the disk that pods request. A kubelet without localStorageCapacityIsolation leaves that to others.
func (n *Node) hasDisk() {
	n.Helper()
	n.kubectl("patch", "node", "node", "--subresource=status", "--type=merge", "--patch", `{"status": {"capacity": {"ephemeral-storage": "10Gi"}}}`)
}

// start runs lines of the page, by a bash of their own, and ends what they leave in the background.
func (n *Node) start(lines string) string {
	n.Helper()
	return n.lines(n.folder+"/start", lines)
}

// lines runs lines of a page in a folder.
func (n *Node) lines(folder, lines string) string {
	n.Helper()
	command := exec.Command("bash", "-euc", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"+lines)
	command.Dir = folder
	command.Env = append(command.Environ(), "KUBECONFIG="+n.Kubeconfig, "PATH="+kit.At("build/bin")+":/usr/sbin:/usr/bin:/sbin:/bin")
	output, err := command.CombinedOutput()
	if err != nil {
		n.Fatalf("%v of\n%s\n%s\n%s", err, lines, output, n.kubectl("-n", namespace, "get", "pods,events", "--output=wide"))
	}
	return string(output)
}
