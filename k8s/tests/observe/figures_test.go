package observe

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// timing is how long an alert took, in seconds of the test.
type timing struct {
	Alert, What  string
	Fires, Clear float64
	undone       time.Time
}

// table is the table of alerts in docs/observability.md; `make observe-figures` writes it there.
type table struct {
	lock    sync.Mutex
	timings map[string][]timing // by the test that measured it
}

var figures = table{timings: map[string][]timing{}}

// order is the order of the tests in the table.
var order = []string{"TestADayIsSeen", "TestAFullDiskIsTold", "TestThePlatformIsTold", "TestBudgetsBurnSlowly"}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && len(figures.timings) > 0 {
		if err := figures.keep(kit.At("build/observe")); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

func (f *table) add(t *testing.T, all []timing) {
	f.lock.Lock()
	defer f.lock.Unlock()
	test, _, _ := strings.Cut(t.Name(), "/")
	if !slices.Contains(order, test) {
		t.Fatalf("%s is not in the order", test)
	}
	f.timings[test] = append(f.timings[test], all...)
}

func (f *table) keep(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(folder+"/alerts.md", []byte(f.written()), 0o644)
}

// written has a row for each drill.
func (f *table) written() string {
	text := "| alert | fault that the test causes | fires after | ends after |\n|---|---|---|---|\n"
	for _, test := range order {
		all := f.timings[test]
		for len(all) > 0 {
			end := slices.IndexFunc(all, func(one timing) bool { return one.What != all[0].What })
			if end < 0 {
				end = len(all)
			}
			var names, fires, clear []string
			for _, one := range all[:end] {
				names = append(names, "`"+one.Alert+"`")
				fires = append(fires, seconds(one.Fires))
				clear = append(clear, seconds(one.Clear))
			}
			text += fmt.Sprintf("| %s | %s | %s | %s |\n", strings.Join(names, ", "), all[0].What, each(fires), each(clear))
			all = all[end:]
		}
	}
	return text
}

// each lists several values, or one where all are alike.
func each(of []string) string {
	if len(slices.Compact(slices.Clone(of))) == 1 {
		return of[0]
	}
	return strings.Join(of, ", ")
}

func seconds(of float64) string { return fmt.Sprintf("%.0f s", max(1, math.Ceil(of))) }
