package observe

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"

	"sigs.k8s.io/yaml"
)

// part is a check of TestADayIsSeen.
type part struct {
	name string
	run  func(*House, *testing.T)
}

func TestADayIsSeen(t *testing.T) {
	began := time.Now()
	house := openWatchedHouse(t)
	house.traffic = house.day(6, 20*time.Millisecond)
	defer func() { house.traffic.end() }()
	parts := []part{
		{"a bank is heard over HTTP and over gRPC", bothProtocolsAreHeard},
		{"a span like Spin's tells nothing of whom it is about", spansNameNobody},
		{"what others write in the bank's namespace is not counted, and who only asks moves nothing", onlyOperationsOfTheBankAreCounted},
		{"10,000 users bring no value of any label", usersMakeNoSeries},
		{"each alert fires for what it is for", drills},
		{"every panel and every rule has data", func(h *House, t *testing.T) { everyExpressionHasData(h, t, began) }},
		{"nobody is named", nobodyIsNamed},
	}
	if !testing.Short() {
		parts = slices.Insert(parts, 4, part{"a bank that was killed is in no panel of gauges", killedBanksLeavePanels})
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			inner := *house
			inner.T = t
			part.run(&inner, t)
			house.traffic = inner.traffic
		})
	}
}

// openWatchedHouse opens a house. In the long drills, probes from outside run too.
func openWatchedHouse(t *testing.T) *House {
	if testing.Short() {
		return openHouse(t)
	}
	h := startHouse(t)
	h.wayIn, h.prober = h.startWayIn(), h.startProber()
	h.watch(h.prober.probeJob(h.banks[0], h.wayIn.url))
	return h
}

// Traces and metrics sent over each protocol come out of the Collector.
func bothProtocolsAreHeard(h *House, t *testing.T) {
	for protocol, pod := range map[string]string{"http/protobuf": podName(0), "grpc": overGRPC} {
		// The Collector writes a value before its name. The lines that it reads from files do not have this attribute.
		sent := regexp.MustCompile(`(?s)` + pod + `.{2}service\.instance\.id`)
		kit.Eventually(t, protocol+": traces", func() error {
			if !sent.MatchString(h.sink.all("/v1/traces")) {
				return fmt.Errorf("nothing of %s came", pod)
			}
			return nil
		})
		kit.Eventually(t, "its lines", func() error { return kit.Missing(h.sink.all("/v1/logs"), pod) })
		// The lines come from files, so they must not come a second time.
		if sent.MatchString(h.sink.all("/v1/logs")) {
			t.Errorf("%s: lines of %s came by OTLP too", protocol, pod)
		}
		kit.Eventually(t, protocol+": metrics", func() error {
			if len(h.series(fmt.Sprintf(`http_server_request_duration_seconds_count{pod=%q, instance=%q}`, pod, h.counts))) == 0 {
				return fmt.Errorf("no series of %s, as the Collector was told", pod)
			}
			return nil
		})
		// If the pod's own instance stayed, the series of two Collectors would be one.
		if other := h.series(fmt.Sprintf(`http_server_request_duration_seconds_count{pod=%q, instance!=%q}`, pod, h.counts)); len(other) > 0 {
			t.Errorf("the Collector's label is another's: %v", other[0])
		}
	}
}

func usersMakeNoSeries(h *House, t *testing.T) {
	// The day goes on until everything that can happen in it has happened.
	before := map[string]bool{}
	kit.Eventually(t, "the labels stay", func() error {
		time.Sleep(5 * time.Second)
		known := len(before)
		before = h.labels()
		if known != len(before) {
			return fmt.Errorf("%d values", len(before))
		}
		return nil
	})
	var crowd sync.WaitGroup
	for part := range 4 {
		crowd.Add(1)
		go func() {
			defer crowd.Done()
			for number := part; number < 10_000; number += 4 {
				user := fmt.Sprintf("%s-of-many-%d", secretUser, number)
				ask("POST", h.banks[number%3]+"/v1/deposit", user, "", `{"amount":"1"}`)
			}
		}()
	}
	crowd.Wait()
	time.Sleep(5 * time.Second)
	for label := range h.labels() {
		if !before[label] {
			t.Errorf("new since 10,000 users came: %s", label)
		}
	}
}

// outcomes are labels of results. On a busy machine they may have values that they had not before.
var outcomes = regexp.MustCompile(`^(status|code|outcome|cause|event|level|state|status_code|error_type|http_response_status_code)$`)

// labels lists all values of all other labels.
func (h *House) labels() map[string]bool {
	h.Helper()
	all := map[string]bool{}
	for _, series := range h.series(`{__name__=~"bank_.*|http_.*|db_.*|spin_.*"}`) {
		for name, value := range series {
			if name != "__name__" && !outcomes.MatchString(name) {
				all[name+"="+value] = true
			}
		}
	}
	return all
}

var metricNames = regexp.MustCompile(`\b((?:bank|redis|kube|certmanager|probe|http)[a-z]*[_:][a-z0-9_:]+)(?:\{|\[)`)

func everyExpressionHasData(h *House, t *testing.T, began time.Time) {
	count := 0
	for _, expression := range h.panels() {
		count++
		if h.samples(expression, began) == 0 {
			t.Errorf("no data: %s", expression)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Record, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(h.compressed()), &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			count++
			// For an alert that has not fired, each series of its expression must exist.
			wanted := []string{rule.Expr}
			if rule.Alert != "" && h.samples(rule.Expr, began) == 0 {
				wanted = nil
				for _, name := range metricNames.FindAllStringSubmatch(rule.Expr, -1) {
					wanted = append(wanted, name[1])
				}
			}
			if len(wanted) == 0 {
				t.Errorf("%s names nothing: %s", rule.Alert, rule.Expr)
			}
			for _, expression := range wanted {
				if h.samples(expression, began) == 0 {
					t.Errorf("%s%s: no data: %s", rule.Alert, rule.Record, expression)
				}
			}
		}
	}
	t.Logf("%d expressions", count)
}

// panels lists the expressions of all dashboards, with everything chosen.
func (h *House) panels() []string {
	var all []string
	for _, object := range h.objects {
		if object.GetLabels()["grafana_dashboard"] == "" {
			continue
		}
		for _, text := range object.Object["data"].(map[string]any) {
			var dashboard struct {
				Panels     []struct{ Targets []struct{ Expr string } }
				Templating struct {
					List []struct{ Name, AllValue string }
				}
			}
			if err := json.Unmarshal([]byte(text.(string)), &dashboard); err != nil {
				h.Fatal(err)
			}
			chosen := []string{"$__rate_interval", "5m"}
			for _, variable := range dashboard.Templating.List {
				chosen = append(chosen, "$"+variable.Name, variable.AllValue)
			}
			for _, panel := range dashboard.Panels {
				for _, target := range panel.Targets {
					all = append(all, h.shortened(strings.NewReplacer(chosen...).Replace(target.Expr)))
				}
			}
		}
	}
	if len(all) == 0 {
		h.Fatal("no panels")
	}
	return all
}

func nobodyIsNamed(h *House, t *testing.T) {
	labels, err := json.Marshal(h.series(`{__name__=~".+"}`))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"a label": string(labels), "a trace": h.sink.all("/v1/traces"), "the log": h.sink.all("/v1/logs")} {
		if text == "" {
			t.Errorf("%s: nothing came", where)
		}
		for _, secret := range []string{secretUser, secretKey, secretAmount, password} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, where)
			}
		}
	}
}
