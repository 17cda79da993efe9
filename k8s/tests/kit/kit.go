// Package kit has the helpers of the chart's tests: paths, programs, rendered objects, waiting.
// A step that fails ends its test and shows the program's output.
package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// How long a test waits at most for something that others must do first.
const patience = 180 * time.Second

// Environments lists those that have a values file.
var Environments = []string{"dev", "staging", "prod"}

// Overlays lists the folders of k8s/manifests.
var Overlays = append([]string{"prod-bank"}, Environments...)

// Root is the path of the repository.
var Root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}()

// At returns a path in the repository.
func At(path ...string) string { return filepath.Join(append([]string{Root}, path...)...) }

// Tool returns the path of a program that `make test-k8s` built.
func Tool(name string) string { return At("build/bin", name) }

// Run runs a program in the repository and returns its output.
func Run(t testing.TB, program string, arguments ...string) string {
	t.Helper()
	output, err := Try(program, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(arguments, " "), err, output)
	}
	return output
}

// Try does the same, and returns the error too.
func Try(program string, arguments ...string) (string, error) {
	command := exec.Command(program, arguments...)
	command.Dir = Root
	output, err := command.CombinedOutput()
	return string(output), err
}

// Module returns the folder of a Go module, verified by the checksum database.
func Module(t testing.TB, module string) string {
	t.Helper()
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Dir = os.TempDir()
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v\n%s", module, err, output)
	}
	var downloaded struct{ Dir string }
	if err := yaml.Unmarshal(output, &downloaded); err != nil {
		t.Fatal(err)
	}
	return downloaded.Dir
}

// Required returns the folder of a module that the go.mod of these tests requires.
func Required(t testing.TB, module string) string {
	t.Helper()
	return strings.TrimSpace(Run(t, "go", "list", "-C", At("k8s/tests"), "-m", "-f", "{{.Dir}}", module))
}

// Objects parses a YAML text into objects, and takes lists apart.
func Objects(t testing.TB, text string) []unstructured.Unstructured {
	t.Helper()
	var objects []unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		switch {
		case len(object.Object) == 0:
		case object.IsList():
			_ = object.EachListItem(func(item k8sObject) error {
				objects = append(objects, *item.(*unstructured.Unstructured))
				return nil
			})
		default:
			objects = append(objects, object)
		}
	}
}

// Eventually repeats check until it returns no error.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	Within(t, patience, what, check)
}

// Within does the same with a limit of its own.
func Within(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// FreeAddress returns an address of this machine at which nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}

// FreePort returns a port on which nobody listens.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Write writes a file that only its owner may read.
func Write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Read reads a file of the repository, or one at an absolute path.
func Read(t testing.TB, path string) string {
	t.Helper()
	if !filepath.IsAbs(path) {
		path = At(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimRight(text, "\n")) + "\n"
}

// Block returns the lines of a page that a test runs: those below `<!-- run by TEST: NAME -->`.
func Block(t testing.TB, page, name string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)<!-- run by [^>]*: "+regexp.QuoteMeta(name)+" -->\n *```sh\n(.*?) *```\n").FindAllStringSubmatch(Read(t, page), -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks named %q", page, len(found), name)
	}
	return found[0][1]
}

// Missing returns an error unless the text has all parts.
func Missing(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Errorf("%q is not in:\n%s", part, text)
		}
	}
	return nil
}
