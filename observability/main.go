// The generator of what watches the bank: from the list of signals the Collector's configuration, Prometheus' rules and
// Grafana's dashboards, written to where the chart takes them from.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("generate FOLDER")
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

// generated are the files, by their paths.
func generated() (map[string][]byte, error) {
	files := map[string][]byte{}
	for path, content := range map[string]any{"collector.yaml": collector(), "rules.yaml": rules()} {
		text := &bytes.Buffer{}
		encoder := yaml.NewEncoder(text)
		encoder.SetIndent(2)
		if err := encoder.Encode(content); err != nil {
			return nil, err
		}
		files[path] = append([]byte("# Made from observability/ by `make observability`.\n"), text.Bytes()...)
	}
	for _, page := range pages {
		built, err := page.built()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", page.uid, err)
		}
		files["dashboards/"+page.uid+".json"] = append(built, '\n')
	}
	return files, nil
}
