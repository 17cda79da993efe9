package observe

import (
	"sync/atomic"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestBudgetsBurnSlowly spends the budgets at rates that wake nobody at once, and then at one that does not wait for the morning.
// Days are long: here an hour of the rules passes in half a minute.
func TestBudgetsBurnSlowly(t *testing.T) {
	// A busy machine must not fail requests of its own.
	h := served(t, "SPIN_VARIABLE_STORAGE_DEADLINE_MS=5000")
	h.compression = 120
	s := h.spend()
	// What went wrong while they started is not counted.
	time.Sleep(5 * time.Second)
	h.watch()
	budgets := []string{"BankErrorBudget", "BankLatencyBudget", "BankReadinessBudget"}
	at := func(speed string) (names []string) {
		for _, budget := range budgets {
			names = append(names, budget+speed)
		}
		return names
	}
	h.drilled(t, []drill{{"of 667 requests one fails, of 33 one is slow, of 333 checks one says no", at("Slow"), func(*House) { s.is.Store(&burn{667, 33, 333}) }, s.ends, lasts}})
	h.neverRang(t, append(at("Steady"), at("Fast")...))
	h.drilled(t, []drill{{"of 200 requests one fails, of 10 one is slow, of 100 checks one says no", at("Steady"), func(*House) { s.is.Store(&burn{200, 10, 100}) }, s.ends, lasts}})
	h.neverRang(t, at("Fast"))
}

func (h *House) neverRang(t *testing.T, names []string) {
	for _, name := range names {
		if !h.bell.since(name).IsZero() {
			t.Errorf("%s fired", name)
		}
	}
}

// burn is of how many requests one fails, of how many one is slow, and of how many checks one is answered with no; 0: of none.
type burn struct{ failed, slow, unready int64 }

// spender spends budgets as fast as it is told, until its house ends.
type spender struct{ is atomic.Pointer[burn] }

func (s *spender) ends(*House) { s.is.Store(&burn{}) }

// spend starts a bank whose store is away and one whose store is slow, which get their part of the traffic of all.
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
		d.again(20*time.Millisecond, func() {
			number, now := requests.Add(1), s.is.Load()
			bank := good[number%3]
			if isOne(number, now.failed) {
				bank = away
			} else if isOne(number, now.slow) {
				bank = slow
			}
			ask("GET", bank+"/v1/wallet", secretUser, "", "")
		})
		d.again(40*time.Millisecond, func() {
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
