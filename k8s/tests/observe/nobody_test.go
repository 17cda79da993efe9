package observe

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestLinesAreCountedWhileNobodyStoresThem: the stores of logs and traces are down. What waits for them must not use up the Collector's
// memory: it could not count any more, and no alert would fire.
func TestLinesAreCountedWhileNobodyStoresThem(t *testing.T) {
	h := newHouse(t)
	h.sink.url, h.memory = "http://127.0.0.1:9", 384
	h.render(h.sink.url)
	h.startCollector()
	const many = 120_000
	// The Collector reads files that it finds at its start from their end on.
	for pod := 1; ; pod++ {
		keep(strings.NewReader(`{"level":"info","component":"docs","event":"it-looks"}`), h.logOf(podName(pod)))
		if metrics, _ := h.exported(); strings.Contains(metrics, `event="it-looks"`) {
			break
		}
		time.Sleep(time.Second)
	}
	file := h.logOf(podName(0))
	lines, writer := io.Pipe()
	go func() {
		for number := range many {
			fmt.Fprintf(writer, `{"time":"2026-11-28T12:00:00.000Z","level":"info","component":"deposit","event":"request","method":"POST","route":"/v1/deposit",`+
				`"status":200,"duration_ms":1.234,"request_id":"%032x","trace_id":"%032x","user":"%016x"}`+"\n", number, number+1, number)
		}
		writer.Close()
	}()
	keep(lines, file)
	kit.Within(t, 10*time.Minute, "all lines are counted", func() error {
		metrics, err := h.exported()
		if err != nil {
			return err
		}
		return kit.Missing(metrics, fmt.Sprintf("%s %d\n", `bank_requests_total{code="none",component="deposit",method="POST",namespace="money-bank",route="/v1/deposit",status="200",store="redis"}`, many))
	})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.collector.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil && kilobytes > h.memory<<10 {
			t.Errorf("the kernel would have ended it: %s", line)
		}
	}
}
