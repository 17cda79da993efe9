package observe

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// drill causes the fault that alerts are for, and undoes it.
type drill struct {
	what   string
	alerts []string
	do     func(h *House)
	undo   func(h *House)
	kind   kind
}

type kind int

const (
	// lasts: the fault stays until it is undone.
	lasts kind = iota
	// passes: the fault ends by itself. It is repeated if no alert fired, as on a machine that is busy.
	passes
	// looksBack: its alerts look far back, so they are expected to end only after all others.
	looksBack
)

// alertTimeout is how long an alert may take to fire, or to end. On a busy machine a scrape fails now and then, and an alert's `for` begins
// anew.
const alertTimeout = 10 * time.Minute

var quick = []drill{
	{"a bank starts on a Redis without an append-only file", []string{"BankStoreAtRisk"}, func(h *House) {
		h.cli("config", "set", "appendonly", "no")
		h.startBank()
	}, func(h *House) { h.cli("config", "set", "appendonly", "yes") }, looksBack},
	{"Redis is killed", []string{"BankStoreAway", "BankRedisDown", "BankErrorBudgetFast", "BankReadinessBudgetFast"},
		func(h *House) { h.redis.Kill() }, (*House).startRedis, lasts},
	{"Redis hangs repeatedly", []string{"BankUnknownOutcomes"}, (*House).hangRedis, func(*House) {}, passes},
	// A stopped Redis opens few breakers under `bank`: its connection times out soon, and then fails at once.
	{"a store answers too late", []string{"BankBreakerOpen"}, (*House).slowStore, func(*House) {}, passes},
	{"Redis is filled to 85 %, then completely", []string{"BankRedisNearlyFull", "BankStoreRefuses"}, (*House).fillRedis,
		func(h *House) { h.cli("eval", "for i=1,64 do redis.call('del','filler:'..i) end", "0") }, passes},
	{"CoinGecko is killed", []string{"BankRatesStale"}, func(h *House) { h.coingecko.Kill() }, (*House).startCoingecko, lasts},
	{"another program changes a wallet", []string{"BankFaults"}, (*House).corrupt, func(h *House) { h.cli("del", "bank:{corrupt}:wallet") }, passes},
	{"the process that rewrites the append-only file is killed", []string{"BankRedisLogFails"}, (*House).failRewrite, func(h *House) {
		h.cli("config", "set", "rdb-key-save-delay", "0")
		h.cli("bgrewriteaof")
	}, lasts},
}

// long lists the drills that take long or must run alone; `make test-observe` leaves them out.
func long() []drill {
	slow, second := make(chan struct{}), &secondNode{}
	return []drill{
		{"Redis pauses for 0.45 s, repeatedly", []string{"BankLatencyBudgetFast"}, func(h *House) { go h.pauseRedis(slow) }, func(*House) { close(slow) }, lasts},
		{"a bank waits for a replica that does not exist", []string{"BankStoreRefuses"}, func(h *House) {
			bank := h.startBankWith(nil, "/healthz", "SPIN_VARIABLE_REDIS_WAIT_REPLICAS=1")
			for range 5 {
				ask("POST", bank+"/v1/deposit", secretUser, "", `{"amount":"1"}`)
			}
		}, func(*House) {}, passes},
		{"all traffic ends", []string{"BankNoTraffic"}, func(h *House) { h.traffic.end() }, func(h *House) { h.traffic = h.day(6, 20*time.Millisecond) }, lasts},
		{"the reverse proxy in front of the bank is killed", []string{"BankUnreachable"}, func(h *House) { h.wayIn.process.Kill() }, func(h *House) { h.wayIn.start(h) }, lasts},
		{"the blackbox exporter is killed", []string{"BankNotSeen"}, func(h *House) { h.prober.process.Kill() }, func(h *House) { h.prober.start(h) }, lasts},
		{"the Collector is killed", []string{"BankNotSeen"}, func(h *House) { h.collector.Kill() }, (*House).startCollector, lasts},
		{"a node with a bank has no Collector", []string{"BankNotSeen"}, second.begins, second.startCollector, lasts},
		{"one of two Collectors is killed", []string{"BankNotSeen"}, func(*House) { second.collector.Kill() }, second.startCollector, lasts},
	}
}

func drills(h *House, t *testing.T) {
	wanted := quick
	if !testing.Short() {
		wanted = append(wanted, long()...)
	}
	began := time.Now()
	h.runDrills(t, wanted)
	kit.Write(t, kit.At("build/observe/day.svg"), h.picture(began, time.Now()))
}

// runDrills runs the drills one after another, and notes how long each alert took.
func (h *House) runDrills(t *testing.T, wanted []drill) {
	var all, later []timing
	for _, drill := range wanted {
		fired := drill.fires(h, t)
		for index := range fired {
			fired[index].undone = time.Now()
		}
		drill.undo(h)
		if drill.kind == looksBack {
			later = append(later, fired...)
			continue
		}
		all = append(all, awaitEnd(h, t, fired)...)
	}
	figures.add(t, append(all, awaitEnd(h, t, later)...))
}

// fires causes the fault, and waits for the alerts.
func (d drill) fires(h *House, t *testing.T) []timing {
	for _, name := range d.alerts {
		kit.Within(t, alertTimeout, d.what+": "+name+" does not fire before", func() error { return isQuiet(h, name) })
	}
	began := time.Now()
	d.do(h)
	done := time.Now()
	var all []timing
	for _, name := range d.alerts {
		kit.Within(t, alertTimeout, d.what+": "+name+" fires", func() error {
			if h.receiver.hasFiredSince(name, began) {
				return nil
			}
			if d.kind == passes && time.Since(done) > 20*time.Second {
				t.Logf("%s: once more for %s", d.what, name)
				d.do(h)
				done = time.Now()
			}
			return fmt.Errorf("what fires: %s", h.receiver.firing())
		})
		all = append(all, timing{Alert: name, What: d.what, Fires: h.receiver.lastFired(name).Sub(began).Seconds()})
	}
	return all
}

// awaitEnd waits until they end after their fault was undone.
func awaitEnd(h *House, t *testing.T, fired []timing) []timing {
	for index := range fired {
		name := fired[index].Alert
		kit.Within(t, alertTimeout, fired[index].What+": "+name+" is gone after", func() error { return isQuiet(h, name) })
		fired[index].Clear = h.receiver.lastEnded(name).Sub(fired[index].undone).Seconds()
	}
	return fired
}

func isQuiet(h *House, name string) error {
	if h.receiver.isFiring(name) {
		return fmt.Errorf("%s fires", name)
	}
	return nil
}

// slowStore starts one more bank, whose store answers after two thirds of a second.
func (h *House) slowStore() {
	fault := kit.Write(h, h.folder+"/slow.toml", "seed = 1\ndelay_ms = [650, 700]\n")
	bank := h.startBankWith([]string{"--fault", fault}, "/healthz", "SPIN_VARIABLE_STORE=kv")
	for range 8 {
		ask("GET", bank+"/v1/wallet", secretUser, "", "")
	}
}

// hangRedis stops Redis for a second, eight times, so that some requests are in flight when it stops.
func (h *House) hangRedis() {
	pid := serverOf(h)
	for range 8 {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(1200 * time.Millisecond)
		_ = syscall.Kill(pid, syscall.SIGCONT)
		time.Sleep(800 * time.Millisecond)
	}
}

// serverOf is the process id of redis-server: the container's script has replaced itself by it.
func serverOf(h *House) int { return h.redis.Pid() }

// pauseRedis blocks all commands until the channel is closed.
func (h *House) pauseRedis(end chan struct{}) {
	for {
		select {
		case <-end:
			return
		case <-time.After(10 * time.Millisecond):
			h.cli("client", "pause", "450", "all")
			time.Sleep(450 * time.Millisecond)
		}
	}
}

func (h *House) fillRedis() {
	fill := func(part float64) {
		for number := 1; number <= 64; number++ {
			var used, most float64
			for _, line := range strings.Split(h.cli("info", "memory"), "\n") {
				_, _ = fmt.Sscanf(line, "used_memory:%f", &used)
				_, _ = fmt.Sscanf(line, "maxmemory:%f", &most)
			}
			if used > part*most || strings.Contains(h.cli("eval", "return redis.call('set',KEYS[1],string.rep('x',ARGV[1]))", "1", fmt.Sprintf("filler:%d", number), "1000000"), "OOM") {
				return
			}
		}
	}
	fill(0.85)
	kit.Eventually(h, "nearly full", func() error {
		if !h.receiver.isFiring("BankRedisNearlyFull") {
			return fmt.Errorf("what fires: %s", h.receiver.firing())
		}
		return nil
	})
	fill(2)
	h.cli("config", "set", "maxmemory", "1mb")
	time.Sleep(3 * time.Second)
	h.cli("config", "set", "maxmemory", "32mb")
}

func (h *House) corrupt() {
	h.cli("set", "bank:{corrupt}:wallet", "no document")
	for range 3 {
		for _, bank := range h.banks {
			ask("GET", bank+"/v1/wallet", "corrupt", "", "")
		}
	}
}

// failRewrite kills the child that rewrites Redis' append-only file.
func (h *House) failRewrite() {
	h.cli("config", "set", "rdb-key-save-delay", "100000")
	h.cli("bgrewriteaof")
	kit.Eventually(h, "the child is there", func() error {
		found, err := exec.Command("pgrep", "-P", fmt.Sprint(serverOf(h))).Output()
		if err != nil {
			return err
		}
		var child int
		if _, err := fmt.Sscan(string(found), &child); err != nil {
			return err
		}
		return syscall.Kill(child, syscall.SIGKILL)
	})
}
