// The generator of the bank's monitoring. From the list of signals it generates the Collector's configuration, Prometheus' rules and
// Grafana's dashboards, and writes them into the folders that the chart and compose.yaml read.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("generate ROOT")
	}
	files, err := generated()
	if err != nil {
		log.Fatal(err)
	}
	for path, text := range files {
		path = filepath.Join(os.Args[1], path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// Where the files are, from the repository's root.
const (
	ofChart   = "k8s/chart/files/monitoring/"
	ofCompose = "observability/compose/"
)

// generated are the files, by their paths.
func generated() (map[string][]byte, error) {
	files := map[string][]byte{}
	for path, content := range map[string]any{
		ofChart + "collector.yaml": collector(), ofCompose + "collector.yaml": collectorOfCompose(), ofChart + "rules.yaml": rules(),
	} {
		text, err := written(content)
		if err != nil {
			return nil, err
		}
		files[path] = text
	}
	files[ofCompose+"rules.yaml"] = []byte(released.Replace(string(files[ofChart+"rules.yaml"])))
	for _, page := range pages {
		built, err := page.built()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", page.uid, err)
		}
		files[ofChart+"dashboards/"+page.uid+".json"] = append(built, '\n')
	}
	return files, nil
}

// released replaces variables for compose.yaml, as the chart does for a release.
var released = strings.NewReplacer("$NAMESPACE/$NAME-collector", "collector", "$NAMESPACE", "money-bank", "$NAME", "bank", "$RATES_AGE_SECONDS", "900", "$BACKUP_AGE_SECONDS", "10800", "$EXPORTERS", "1",
	"$COLLECTORS", "monitoring")

func written(content any) ([]byte, error) {
	text := &bytes.Buffer{}
	text.WriteString("# Made from observability/ by `make observability`.\n")
	encoder := yaml.NewEncoder(text)
	encoder.SetIndent(2)
	err := encoder.Encode(content)
	return text.Bytes(), err
}
