package observe

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"moneybank/k8s/tests/kit"
)

// ofPods matches gauges of a pod; grouped matches the `by` of a panel's expression.
var (
	ofPods  = regexp.MustCompile(`(http_server_active_requests|bank_connections|bank_instances|bank_breaker_state)\{`)
	grouped = regexp.MustCompile(`^(sum|max) by \([a-z_, ]+\)`)
)

// The Collector exports the last values of a pod for a day after it has gone.
func killedBanksLeavePanels(h *House, t *testing.T) {
	pod := podName(*h.pods)
	h.slowStore()
	kept := map[string]string{} // the series in the Collector, by the panel's expression
	for _, panel := range h.panels() {
		if gauge := ofPods.FindStringSubmatch(panel); gauge != nil {
			kept[grouped.ReplaceAllString(panel, "count by (pod)")] = gauge[1]
		}
	}
	if len(kept) != 4 {
		t.Fatalf("%d panels: %v", len(kept), kept)
	}
	kit.Eventually(t, "the panels show it", func() error {
		for panel := range kept {
			ask("GET", h.banks[len(h.banks)-1]+"/v1/wallet", secretUser, "", "")
			if !slices.Contains(h.podsOf(panel), pod) {
				return fmt.Errorf("%s", panel)
			}
		}
		return nil
	})
	if err := h.newest.Kill(); err != nil {
		t.Fatal(err)
	}
	kit.Eventually(t, "the panels show it no more", func() error {
		for panel := range kept {
			if slices.Contains(h.podsOf(panel), pod) {
				return fmt.Errorf("%s", panel)
			}
		}
		return nil
	})
	for _, gauge := range kept {
		if !slices.Contains(h.podsOf(gauge), pod) {
			t.Errorf("the Collector has forgotten %s, so the panels prove nothing", gauge)
		}
	}
}

// podsOf lists the pods for which an expression has a value now.
func (h *House) podsOf(expression string) (pods []string) {
	h.Helper()
	var answer struct {
		Result []struct{ Metric map[string]string }
	}
	h.query("query", url.Values{"query": {expression}}, &answer)
	for _, series := range answer.Result {
		pods = append(pods, series.Metric["pod"])
	}
	return pods
}
