package main

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestAnImageForSeveralPlatformsIsOneIndexOfAll(t *testing.T) {
	folder, layout := t.TempDir(), t.TempDir()
	// read decodes a file of the layout.
	read := func(name string, into any) {
		t.Helper()
		content, err := os.ReadFile(layout + "/" + name)
		if err := errors.Join(err, json.Unmarshal(content, into)); err != nil {
			t.Fatal(err)
		}
	}
	type index struct {
		Manifests []struct {
			Digest, MediaType string
			Platform          struct{ OS, Architecture string }
		}
	}
	pack(layout, []string{"linux/amd64=" + folder, "linux/arm64=" + folder}, "", object{})
	var outer, inner index
	read("index.json", &outer)
	if len(outer.Manifests) != 1 || outer.Manifests[0].MediaType != indexType {
		t.Fatalf("the layout has %v", outer.Manifests)
	}
	read("blobs/"+strings.Replace(outer.Manifests[0].Digest, ":", "/", 1), &inner)
	var architectures []string
	for _, manifest := range inner.Manifests {
		architectures = append(architectures, manifest.Platform.OS+"/"+manifest.Platform.Architecture)
	}
	if !slices.Equal(architectures, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("the index has %v", architectures)
	}
}
