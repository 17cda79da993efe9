package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../"

func TestWhatIsGeneratedIsThere(t *testing.T) {
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	for path, wanted := range files {
		if found, _ := os.ReadFile(root + path); !bytes.Equal(found, wanted) {
			t.Errorf("%s is not what is generated: run `make observability`", path)
		}
	}
	for _, folder := range []string{ofChart, ofCompose} {
		_ = filepath.WalkDir(root+folder, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			if name := strings.TrimPrefix(path, root); !entry.IsDir() && files[name] == nil && !slices.Contains(byHand, name) {
				t.Errorf("%s is not generated", path)
			}
			return nil
		})
	}
}

// byHand lists the files that only refer to the others.
var byHand = []string{ofCompose + "prometheus.yaml", ofCompose + "alertmanager.yaml"}

func TestPrometheusTakesTheRulesAndAlertsFireWhenTheyMust(t *testing.T) {
	folder := t.TempDir()
	tests, err := os.ReadFile("rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	// compose.yaml's rules are tested, since their namespace is filled in.
	for path, text := range map[string][]byte{"rules.yaml": files[ofCompose+"rules.yaml"], "tests.yaml": tests} {
		if err := os.WriteFile(filepath.Join(folder, path), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "tests.yaml"}} {
		command := exec.Command("promtool", arguments...)
		command.Dir = folder
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
}

func everyAlert() []alert { return append(burning(), alerts...) }

func TestEveryAlertHasATestOfItsRule(t *testing.T) {
	tests, err := os.ReadFile("rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range everyAlert() {
		for _, says := range []string{"alertname: " + alert.name + ", fires: true", "alertname: " + alert.name + ", fires: false"} {
			if !strings.Contains(string(tests), "# "+says) {
				t.Errorf("rules_test.yaml has no case %q", says)
			}
		}
	}
}

func TestEveryAlertHasAPageThatSaysWhatToDo(t *testing.T) {
	pages := map[string][]string{}
	for _, alert := range everyAlert() {
		pages[alert.page] = append(pages[alert.page], alert.name)
	}
	for page, names := range pages {
		text, err := os.ReadFile("../docs/runbooks/" + page + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{"# " + strings.Join(names, ", ") + "\n", "\n## What it means\n", "\n## What to look at\n", "\n## What to do\n", "\n## How it was tested\n"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s.md has no %q", page, part)
			}
		}
	}
	files, _ := filepath.Glob("../docs/runbooks/*.md")
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); pages[name] == nil {
			t.Errorf("%s is of no alert", file)
		}
	}
}

// A misspelt metric gives an alert that never fires and a panel that is always empty.
func TestOnlySignalsOfTheListAreAskedFor(t *testing.T) {
	var known []string
	for _, signal := range signals {
		known = append(known, signal.name, signal.name+"_bucket", signal.name+"_count", signal.name+"_sum")
	}
	for _, metric := range pushed {
		known = append(known, metric.shown)
	}
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for path, text := range files {
		if filepath.Base(path) == "collector.yaml" {
			continue
		}
		for _, name := range regexp.MustCompile(`\bbank_[a-z_]+`).FindAllString(string(text), -1) {
			named++
			if !slices.Contains(known, name) && !strings.HasPrefix(name, "bank_spans_") {
				t.Errorf("%s: %s is no signal", path, name)
			}
		}
	}
	if named == 0 {
		t.Error("nothing is asked for")
	}
}

// Other components call a component without a route, for requests that are counted already.
func TestComponentsAreThoseOfTheManifestAndWhoHasNoRouteIsAskedByNoUser(t *testing.T) {
	manifest, err := os.ReadFile(root + "spin.toml")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, found := range regexp.MustCompile(`(?m)^\[component\.([a-z]+)\]$`).FindAllStringSubmatch(string(manifest), -1) {
		there = append(there, found[1])
	}
	slices.Sort(there)
	if !slices.Equal(there, components) {
		t.Errorf("spin.toml has %v, and lines of %v are counted", there, components)
	}
	asked := []string{"health"}
	for _, found := range regexp.MustCompile(`route = \{ private = true \}\ncomponent = "([a-z]+)"`).FindAllStringSubmatch(string(manifest), -1) {
		asked = append(asked, found[1])
	}
	if found := strings.Join(asked, "|"); found != notUsers {
		t.Errorf("users ask all but %s, and counted are all but %s", found, notUsers)
	}
}

func TestRoutesAreThoseOfTheManifest(t *testing.T) {
	manifest, err := os.ReadFile(root + "spin.toml")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, found := range regexp.MustCompile(`(?m)^route = "([^"]+)"$`).FindAllStringSubmatch(string(manifest), -1) {
		there = append(there, found[1])
	}
	slices.Sort(there)
	if !slices.Equal(there, routes) {
		t.Errorf("spin.toml has %v, and %v are kept", there, routes)
	}
}

func TestThePageOfTelemetryNamesEveryMetricAndAttributeThatIsKept(t *testing.T) {
	text, err := os.ReadFile("../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range pushed {
		if !strings.Contains(string(text), "`"+metric.name+"`") {
			t.Errorf("docs/telemetry.md does not name %s", metric.name)
		}
	}
	for _, attribute := range pushedAttributes {
		if !strings.Contains(string(text), "`"+attribute.name+"`") {
			t.Errorf("docs/telemetry.md does not name %s", attribute.name)
		}
	}
}

func TestEveryLabelIsOneOfFew(t *testing.T) {
	few := []string{"component", "method", "route", "status", "code", "kind", "outcome", "cause", "state", "level", "event", "pod"}
	for _, signal := range signals {
		for _, label := range signal.labels {
			if !slices.Contains(few, label) {
				t.Errorf("%s has the label %s", signal.name, label)
			}
		}
	}
}

func TestThePageNamesEverySignalAndEveryAlert(t *testing.T) {
	text, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range signals {
		if !strings.Contains(string(text), "`"+signal.name+"`") {
			t.Errorf("docs/observability.md does not name %s", signal.name)
		}
	}
	for _, alert := range everyAlert() {
		if !strings.Contains(string(text), "`"+alert.name+"`") {
			t.Errorf("docs/observability.md does not name %s", alert.name)
		}
	}
}

// Grafana puts a variable's values into the link, several in the format that is set: by default one that no query reads.
func TestLinksToLogsTakeSeveralNamespaces(t *testing.T) {
	links := regexp.MustCompile(`"url": "/explore\?[^"]*panes=([^"]*)"`)
	found := 0
	for _, page := range pages {
		text, err := page.built()
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			panes, err := url.QueryUnescape(link[1])
			if err != nil || !json.Valid([]byte(panes)) {
				t.Errorf("%v: %s", err, panes)
			}
			if strings.Contains(panes, "tempo") && !strings.Contains(link[1], "${service:regex}") {
				t.Errorf("%s asks for traces of one name, whatever the release's: %s", page.uid, panes)
			}
			if strings.Contains(panes, "loki") {
				found++
				if !strings.Contains(link[1], "${namespace:regex}") {
					t.Errorf("%s: %s", page.uid, link[1])
				}
			}
		}
	}
	if found == 0 {
		t.Error("no link leads to logs")
	}
}

// With everything chosen, as when a dashboard is opened.
func TestLinksToLogsTakeEverything(t *testing.T) {
	chosen := regexp.MustCompile(`"allValue": "([^"]*)"`)
	for _, page := range pages {
		text, err := page.built()
		if err != nil {
			t.Fatal(err)
		}
		all := chosen.FindAllStringSubmatch(string(text), -1)
		if len(all) == 0 {
			t.Errorf("%s: nothing stands for everything", page.uid)
		}
		for _, value := range all {
			// Loki: "queries require at least one regexp or equality matcher that does not have an empty-compatible value".
			if regexp.MustCompile("^(" + value[1] + ")$").MatchString("") {
				t.Errorf("%s: Loki refuses {k8s_namespace_name=~%q}", page.uid, value[1])
			}
			if read, err := url.QueryUnescape(value[1]); err != nil || read != value[1] {
				t.Errorf("%s: in an address %s is read as %q", page.uid, value[1], read)
			}
		}
	}
}

// With cert-manager's own ServiceMonitor, the certificate's namespace is in another label.
func TestThePanelOfCertificatesFindsThemWhereverTheirNamespaceIsSaid(t *testing.T) {
	for _, namespace := range []string{`namespace="money-bank"`, `namespace="cert-manager", exported_namespace="money-bank"`} {
		series := map[string]string{`certmanager_certificate_expiration_timestamp_seconds{` + namespace + `, name="bank-tls"}`: "1000x5"}
		for _, query := range queriesOf(t, "certmanager_certificate_expiration_timestamp_seconds") {
			asked(t, query, series, "5m", object{"labels": `{name="bank-tls"}`, "value": 700})
		}
	}
}

// The Collector exports the last values of a pod for a day after it has gone.
func TestNoPanelShowsGaugesOfPodsThatAreGone(t *testing.T) {
	var gauges []string
	for _, metric := range pushed {
		if metric.kind == gauge {
			gauges = append(gauges, metric.shown)
		}
	}
	for _, signal := range signals {
		if signal.kind == gauge {
			gauges = append(gauges, signal.name)
		}
	}
	for _, gauge := range gauges {
		series := map[string]string{}
		for pod, values := range map[string]struct{ gauge, counter string }{"here": {"7x20", "0+6x20"}, "gone": {"1x20", "6x20"}} {
			labels := `{namespace="money-bank", store="redis", component="rates", pod="` + pod + `", instance="` + pod + `"}`
			series[gauge+labels] = values.gauge
			for _, counter := range []string{"http_server_request_duration_seconds_count", "bank_requests_total", "bank_breaker_changes_total"} {
				series[counter+labels] = values.counter
			}
		}
		for _, query := range queriesOf(t, gauge) {
			asked(t, "sum("+query+")", series, "20m", object{"labels": "{}", "value": 7})
		}
	}
}

// `increase` does not count the first value of a counter.
func TestABreakerIsShownAsSoonAsItHasOpened(t *testing.T) {
	const labels = `{namespace="money-bank", store="redis", component="wallet", pod="bank-0", instance="a"`
	for _, query := range queriesOf(t, "bank_breaker_state") {
		asked(t, query, map[string]string{"bank_breaker_state" + labels + "}": "_x18 2x2", "bank_breaker_changes_total" + labels + `, state="open"}`: "_x18 1x2"},
			"20m", object{"labels": `{component="wallet", pod="bank-0"}`, "value": 2})
	}
}

// queriesOf lists the queries of panels for this metric, with everything chosen. There must be some.
func queriesOf(t *testing.T, metric string) (all []string) {
	t.Helper()
	for _, page := range pages {
		for _, panel := range page.panels {
			for _, query := range panel.queries {
				if strings.Contains(query.expr, metric+"{") {
					all = append(all, strings.NewReplacer("$namespace", "money-bank", "$store", everything).Replace(query.expr))
				}
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("no panel asks for %s", metric)
	}
	return all
}

// asked evaluates an expression in Prometheus, on series with a value a minute.
func asked(t *testing.T, expression string, series map[string]string, at string, wanted object) {
	t.Helper()
	var input []object
	for name, values := range series {
		input = append(input, object{"series": name, "values": values})
	}
	tests, err := written(object{"tests": []object{{
		"interval": "1m", "input_series": input,
		"promql_expr_test": []object{{"expr": expression, "eval_time": at, "exp_samples": []object{wanted}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(path, tests, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("promtool", "test", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", expression, err, output)
	}
}
