//go:build node

package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// By what is requested a node is filled: with pods that use more it runs out of memory. It holds for two cores: on more of them more is
// compiled at a time.
func aBankUsesNoMoreMemoryThanTheChartRequests(n *Node) {
	var values struct {
		Resources struct{ Requests map[string]string }
	}
	if err := yaml.Unmarshal([]byte(kit.Read(n, "k8s/chart/values.yaml")), &values); err != nil {
		n.Fatal(err)
	}
	requested := resource.MustParse(values.Resources.Requests["memory"])
	for _, pod := range n.pods(app) {
		peak := n.peak(string(pod.UID))
		n.Logf("%s used %d MiB at most", pod.Name, peak>>20)
		if peak > requested.Value() {
			n.Errorf("%s used %d MiB, %s are requested", pod.Name, peak>>20, &requested)
		}
	}
}

// peak is how much memory a pod has used at most, as its cgroup says it.
func (n *Node) peak(uid string) int64 {
	n.Helper()
	group := filepath.Base(n.folder) + "/kubepods/burstable/pod" + uid
	for _, file := range []string{"/sys/fs/cgroup/memory/" + group + "/memory.max_usage_in_bytes", "/sys/fs/cgroup/" + group + "/memory.peak"} {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		peak, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			n.Fatal(err)
		}
		return peak
	}
	n.Fatalf("there is no cgroup %s that says how much memory was used", group)
	return 0
}
