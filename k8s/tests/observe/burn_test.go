package observe

import (
	"sync/atomic"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestBudgetsBurnSlowly burns the budgets first at rates that wake nobody at once, then at a rate that pages.
// The rules look back over days: an hour of theirs passes in half a minute here.
func TestBudgetsBurnSlowly(t *testing.T) {
	// A busy machine must not fail requests that the test did not mean to fail.
	h := startHouse(t, "SPIN_VARIABLE_STORAGE_DEADLINE_MS=5000")
	h.compression = 120
	s := h.spend()
	// Failures during the start are not counted.
	time.Sleep(5 * time.Second)
	h.watch()
	budgets := []string{"BankErrorBudget", "BankLatencyBudget", "BankReadinessBudget"}
	at := func(speed string) (names []string) {
		for _, budget := range budgets {
			names = append(names, budget+speed)
		}
		return names
	}
	h.runDrills(t, []drill{{"one request of 667 fails, one of 33 is slow, one check of 333 fails", at("Slow"), func(*House) { s.is.Store(&burn{667, 33, 333}) }, s.ends, lasts}})
	h.neverFired(t, append(at("Steady"), at("Fast")...))
	h.runDrills(t, []drill{{"one request of 200 fails, one of 10 is slow, one check of 100 fails", at("Steady"), func(*House) { s.is.Store(&burn{200, 10, 100}) }, s.ends, lasts}})
	h.neverFired(t, at("Fast"))
}

func (h *House) neverFired(t *testing.T, names []string) {
	for _, name := range names {
		if !h.receiver.lastFired(name).IsZero() {
			t.Errorf("%s fired", name)
		}
	}
}

// burn: of `failed` requests one fails, of `slow` one is slow, of `unready` checks one is answered with no. 0: none.
type burn struct{ failed, slow, unready int64 }

// spender burns budgets at the rate that is set, until its house ends.
type spender struct{ is atomic.Pointer[burn] }

func (s *spender) ends(*House) { s.is.Store(&burn{}) }

// spend starts a bank whose store is down and one whose store is slow, and gives them their part of all traffic.
func (h *House) spend() *spender {
	h.Helper()
	good := h.banks
	away := h.startBankWith(nil, "/healthz", "SPIN_VARIABLE_REDIS_URL=redis://127.0.0.1:9", "SPIN_VARIABLE_STORAGE_DEADLINE_MS=500")
	fault := kit.Write(h, h.folder+"/slow.toml", "seed = 1\ndelay_ms = [300, 350]\n")
	slow := h.startBankWith([]string{"--fault", fault}, "/healthz", "SPIN_VARIABLE_STORE=kv")
	s := &spender{}
	s.ends(h)
	isOne := func(number, of int64) bool { return of > 0 && number%of == 0 }
	var requests, checks atomic.Int64
	d := &day{stop: make(chan struct{})}
	for range 4 {
		d.addClient(20*time.Millisecond, func() {
			number, now := requests.Add(1), s.is.Load()
			bank := good[number%3]
			if isOne(number, now.failed) {
				bank = away
			} else if isOne(number, now.slow) {
				bank = slow
			}
			ask("GET", bank+"/v1/wallet", secretUser, "", "")
		})
		d.addClient(40*time.Millisecond, func() {
			number := checks.Add(1)
			bank := good[number%3]
			if isOne(number, s.is.Load().unready) {
				bank = away
			}
			ask("GET", bank+"/readyz", "", "", "")
		})
	}
	h.Cleanup(d.end)
	return s
}
