package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const chart = "../k8s/chart/files/monitoring/"

func TestTheChartHasWhatIsGenerated(t *testing.T) {
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	for path, wanted := range files {
		if found, _ := os.ReadFile(chart + path); !bytes.Equal(found, wanted) {
			t.Errorf("%s is not what is generated: run `make observability`", chart+path)
		}
	}
	_ = filepath.WalkDir(chart, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		if name := strings.TrimPrefix(path, chart); !entry.IsDir() && files[name] == nil {
			t.Errorf("%s is not generated", path)
		}
		return nil
	})
}

// rendered is the rules as the chart renders them.
func rendered(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(chart + "rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("$NAMESPACE", "money-bank", "$NAME", "bank", "$RATES_AGE_SECONDS", "900").Replace(string(text))
}

func TestPrometheusTakesTheRulesAndAlertsFireWhenTheyMust(t *testing.T) {
	folder := t.TempDir()
	tests, err := os.ReadFile("rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"rules.yaml": rendered(t), "tests.yaml": string(tests)} {
		if err := os.WriteFile(filepath.Join(folder, path), []byte(text), 0o600); err != nil {
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
	known = append(known, told...)
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for path, text := range files {
		if path == "collector.yaml" {
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

func TestTheReadmeNamesEverySignalAndEveryAlert(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range signals {
		if !strings.Contains(string(text), "`"+signal.name+"`") {
			t.Errorf("README.md does not name %s", signal.name)
		}
	}
	for _, alert := range alerts {
		if !strings.Contains(string(text), "`"+alert.name+"`") {
			t.Errorf("README.md does not name %s", alert.name)
		}
	}
}
