package observe

import (
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// Lines of another container in the bank's pod, such as a mesh's proxy, whose library has an `event` with any text. And lines of the
// bank about preflight requests.
const (
	ofANeighbour = `{"event":"neighbour-wrote this","level":"error"}
{"event":"request","component":"neighbour-wrote","method":"GET","route":"/neighbour-wrote","status":500,"duration_ms":1.5}
{"event":"neighbour-wrote this","component":"deposit","level":"error"}
{"event":7,"component":["neighbour-wrote"],"level":"error"}`
	preflight = `{"level":"info","component":"deposit","event":"request","method":"OPTIONS","route":"/v1/deposit","status":204,"duration_ms":0.1,"code":"preflight"}
{"level":"info","component":"docs","event":"all-was-read"}`
)

func onlyOperationsOfTheBankAreCounted(h *House, t *testing.T) {
	keep(strings.NewReader(ofANeighbour+"\n"+preflight), h.logOf(podName(*h.pods)))
	var metrics string
	kit.Eventually(t, "the lines are read", func() (err error) {
		if metrics, err = h.exported(); err != nil {
			return err
		}
		return kit.Missing(metrics, `event="all-was-read"`, `code="preflight"`)
	})
	for line := range strings.Lines(metrics) {
		if strings.Contains(line, "neighbour-wrote") || strings.Contains(line, `code="preflight"`) && strings.HasPrefix(line, "bank_operations") {
			t.Errorf("counted: %s", line)
		}
	}
	// An alert for it would fire within this time.
	time.Sleep(2 * time.Second)
	if rings := h.receiver.firing(); strings.Contains(rings, "BankFaults") {
		t.Errorf("a neighbour wakes the bank's people: %s", rings)
	}
}
