//go:build stay

package observe

import (
	"fmt"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestStayOpen is `make observe`: the same house, with traffic and no drills, until it is interrupted.
func TestStayOpen(t *testing.T) {
	house := opened(t)
	house.traffic = house.day(6, 20*time.Millisecond)
	page := kit.At("build/observe/index.html")
	fmt.Printf("\nPrometheus   %s/graph\nbanks        %v\nplots        file://%s\n\nTake something away, such as Redis (kill -STOP %d), and look. Ctrl-C ends it.\n",
		house.prometheus, house.banks, page, house.redis.Pid())
	for began := time.Now(); ; time.Sleep(5 * time.Second) {
		kit.Write(t, page, `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Money Bank</title>`+
			house.picture(latest(began, time.Now().Add(-10*time.Minute)), time.Now()))
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
