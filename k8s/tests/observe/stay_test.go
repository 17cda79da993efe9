//go:build stay

package observe

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestStayOpen is `make observe`: the same house, with traffic and no drills, until it is interrupted.
func TestStayOpen(t *testing.T) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	house := openHouse(t)
	house.traffic = house.day(6, 20*time.Millisecond)
	defer house.traffic.end()
	began, path := time.Now(), kit.At("build/observe/index.html")
	fmt.Printf("\nOpen file://%s\nIt has the plots, Prometheus' address and what to break. Ctrl-C ends all of it.\n\n", path)
	for {
		kit.Write(t, path, house.page(began))
		select {
		case <-interrupted:
			return
		case <-time.After(5 * time.Second):
		}
	}
}

// page is the page for a browser, with at most the last ten minutes.
func (h *House) page(began time.Time) string {
	from := time.Now().Add(-10 * time.Minute)
	if from.Before(began) {
		from = began
	}
	var banks []string
	for number, bank := range h.banks {
		banks = append(banks, fmt.Sprintf(`<a href="%s">%d</a>`, bank, number))
	}
	ringing := h.receiver.firing()
	if ringing == "" {
		ringing = "none"
	}
	return fmt.Sprintf(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Money Bank</title>
<style>body{font:14px sans-serif;max-width:1010px;margin:1em auto}pre{background:#f4f4f4;padding:.6em}</style>
<h1>Money Bank, watched</h1>
<p>Six clients move money at three banks (%s) on one Redis. <a href="%s/alerts">Prometheus</a> has the rules of the chart, with all durations divided by %d:
what takes an hour takes two minutes here. What each alert means is in <code>docs/runbooks</code>. The page renews itself.</p>
<p>Alerts that fire now: <b>%s</b></p>
%s
<h2>Break something</h2>
<pre>kill -STOP %d    # Redis hangs; kill -CONT %[6]d brings it back
kill -STOP %d    # CoinGecko does not answer; -CONT
kill -STOP %d    # the Collector sees nothing; -CONT</pre>
</html>
`, strings.Join(banks, ", "), h.prometheus, compression, ringing, h.picture(from, time.Now()), h.redis.Pid(), h.coingecko.Pid(), h.collector.Pid())
}
