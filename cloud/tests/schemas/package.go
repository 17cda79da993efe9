package schemas

import (
	"archive/tar"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

var (
	sourceMap    = regexp.MustCompile(`(?m)^//# sourceMappingURL=data:application/json;base64,(.*)$`)
	resourceType = regexp.MustCompile(`export class (\w+) extends cdktf\.Terraform(Resource|DataSource|Provider) \{[\s\S]*?tfResourceType = "(\w+)"`)
	documented   = regexp.MustCompile(`registry\.terraform\.io/providers/\w+/(\w+)/([0-9.]+)/docs`)
)

// FromPackage reads a package's archive, as `npm pack` downloads it.
func FromPackage(path string) (Provider, error) {
	provider := Provider{Resources: map[string]Block{}, Data: map[string]Block{}}
	file, err := os.Open(path)
	if err != nil {
		return provider, err
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		return provider, err
	}
	archive := tar.NewReader(packed)
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return provider, provider.complete(path)
		}
		if err != nil {
			return provider, err
		}
		if !strings.HasPrefix(entry.Name, "package/lib/") || !strings.HasSuffix(entry.Name, "/index.js") {
			continue
		}
		compiled, err := io.ReadAll(archive)
		if err != nil {
			return provider, err
		}
		if err := provider.add(compiled); err != nil {
			return provider, fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
}

func (p *Provider) complete(path string) error {
	if p.Version == "" || len(p.Config.Attributes) == 0 || len(p.Resources) == 0 {
		return fmt.Errorf("%s holds no provider", path)
	}
	return nil
}

// add reads one compiled file. The package's index declares no types.
func (p *Provider) add(compiled []byte) error {
	found := sourceMap.FindSubmatch(compiled)
	if found == nil {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(string(found[1]))
	if err != nil {
		return err
	}
	var mapped struct{ SourcesContent []string }
	if err := json.Unmarshal(text, &mapped); err != nil {
		return err
	}
	if len(mapped.SourcesContent) != 1 {
		return errors.New("no source in the source map")
	}
	return p.addSource(mapped.SourcesContent[0])
}

func (p *Provider) addSource(text string) error {
	kind := resourceType.FindStringSubmatch(text)
	if kind == nil {
		return nil
	}
	class, parent, name := kind[1], kind[2], kind[3]
	read := parse(text)
	block, err := read.block(class, class+"Config")
	if parent == "Provider" {
		// Its class lacks its nested blocks; its interface has them.
		block, err = read.settable(class + "Config")
	}
	if err != nil {
		return err
	}
	switch parent {
	case "Resource":
		p.Resources[name] = block
	case "DataSource":
		p.Data[name] = block
	case "Provider":
		p.Config = block
		if of := documented.FindStringSubmatch(text); of != nil {
			p.Name, p.Version = of[1], of[2]
		}
	}
	return nil
}
