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

// The scheduler fills a node by what pods request: if they use more, it runs out of memory. The figure holds for two cores; with more
// cores, more is compiled at the same time.
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

// peak is the most memory that a pod has used, by its cgroup.
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
