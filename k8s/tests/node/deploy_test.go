//go:build node

package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"moneybank/k8s/tests/kit"
)

// The steps of a user who has a clone and no image: build, push by skopeo, install, test. The registry is the node's, and a
// kubelet pulls from it.
func deployBringsABankFromAClone(n *Node) {
	n.kubectl("delete", "namespace", namespace, "--timeout=120s")
	n.hasDisk()
	// skopeo's configuration says that this registry has no TLS.
	home := n.folder + "/newcomer"
	kit.Write(n, home+"/.config/containers/registries.conf", fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", registry))
	kit.Write(n, home+"/.config/containers/policy.json", `{"default": [{"type": "insecureAcceptAnything"}]}`)
	where := func(program string) string {
		n.Helper()
		path, err := exec.LookPath(program)
		if err != nil {
			n.Fatal(err)
		}
		return path
	}
	skopeo := kit.Write(n, home+"/bin/skopeo", "#!/bin/sh\nHOME="+home+" exec "+where("skopeo")+" \"$@\"\n")
	if err := os.Chmod(skopeo, 0o700); err != nil {
		n.Fatal(err)
	}
	path := home + "/bin:$PATH:" + filepath.Dir(where("go")) + ":" + filepath.Dir(where("cargo"))
	output := n.lines(kit.Root, fmt.Sprintf("PATH=%s\nmake deploy RUNTIME=bank ENV=dev IMAGE=%s/newcomer/money-bank TAG=1\n", path, registry))
	if err := kit.Missing(output, "Money Bank is at http://bank.money-bank-dev.svc, inside the cluster\n"); err != nil {
		n.Error(err)
	}
	image := n.kubectl("-n", "money-bank-dev", "get", "pods", "--selector="+app, "--output=jsonpath={.items[*].status.containerStatuses[*].imageID}")
	if !strings.HasPrefix(image, registry+"/newcomer/money-bank@sha256:") {
		n.Errorf("its pod runs %s", image)
	}
}
