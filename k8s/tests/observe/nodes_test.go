package observe

import (
	"fmt"
	"strings"
	"time"

	"moneybank/k8s/tests/kit"
)

// collectors is Prometheus' job for Collectors. A file lists them, as the operator does for pods that come and go.
func (h *House) collectors(addresses ...string) string {
	h.Helper()
	file := kit.Write(h, h.folder+"/collectors.yaml", fmt.Sprintf("[{targets: [%s]}]\n", strings.Join(addresses, ", ")))
	return fmt.Sprintf("{job_name: money-bank/bank-collector, honor_labels: true, file_sd_configs: [{files: [%q]}]}", file)
}

// secondNode has a bank with as many clients as all others. This bank sends its OTLP to the first node's Collector.
type secondNode struct {
	counts    string
	collector *kit.Process
	traffic   *day
}

// begins starts the node without a Collector.
func (n *secondNode) begins(h *House) {
	h.node = "-2"
	bank := h.startBank()
	h.node = ""
	n.counts, n.traffic = kit.FreeAddress(h), &day{stop: make(chan struct{})}
	for number := range 6 {
		n.traffic.addClient(20*time.Millisecond, func() { sendMixed(bank, number) })
	}
	h.Cleanup(n.traffic.end)
}

func (n *secondNode) startCollector(h *House) {
	n.collector = h.collectorOf("-2", kit.FreeAddress(h), kit.FreeAddress(h), n.counts)
	h.collectors(h.counts, n.counts)
}
