//go:build node

package node

import (
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"

	"moneybank/k8s/tests/kit"

	"sigs.k8s.io/yaml"
)

// images maps each image of the registry to what makes its layout.
func (n *Node) images() map[string]func() string {
	return map[string]func() string{
		"pause:3":   func() string { return n.pack("pause", kit.Tool("pause")) },
		"coredns:1": func() string { return n.pack("coredns", kit.Tool("coredns")) },
		"money-bank/money-bank-bank:" + appVersion(n): func() string { return kit.At("build/images/bank") },
		"library/redis:8.2-alpine": func() string {
			return n.pack("redis", "sh", "cp", "cut", "grep", "sha256sum", "redis-server", "redis-cli")
		},
		"curlimages/curl:8.17.0": func() string {
			return n.pack("curl", "sh", "cut", "date", "sleep", "tr", "curl")
		},
	}
}

// registry starts a registry, and fills it.
func (n *Node) registry() {
	n.Helper()
	config := kit.Write(n, n.folder+"/registry.yml", fmt.Sprintf(`
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: %s/registry}}
http: {addr: "%s"}
`, n.folder, registry))
	process := kit.Start(n, "registry", []string{"OTEL_TRACES_EXPORTER=none"}, kit.Tool("registry"), "serve", config)
	kit.Eventually(n, "the registry answers", func() error {
		if err := process.Runs(); err != nil {
			n.Fatal(err)
		}
		answer, err := http.Get("http://" + registry + "/v2/")
		if err == nil {
			answer.Body.Close()
		}
		return err
	})
	for name, layout := range n.images() {
		n.push(layout(), name)
	}
}

func (n *Node) push(layout, name string) {
	n.Helper()
	kit.Run(n, "skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "oci:"+layout, "docker://"+registry+"/"+name)
}

// pack makes an image of programs of this machine, with the libraries that they link to. The first program is its entry point.
func (n *Node) pack(name string, programs ...string) string {
	n.Helper()
	root, layout := n.folder+"/rootfs/"+name, n.folder+"/layouts/"+name
	kit.Run(n, "bash", append([]string{"-euc", `
root=$1; shift
mkdir -p "$root/tmp"
for program in "$@"; do
  path=$(realpath "$(command -v "$program")")
  install -D "$path" "$root/bin/$(basename "$program")"
  { ldd "$path" || true; } 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$root$library"; done
done`, "pack", root}, programs...)...)
	kit.Run(n, kit.Tool("pack"), "--entrypoint", `["/bin/`+filepath.Base(programs[0])+`"]`, layout, "linux/"+runtime.GOARCH+"="+root)
	return layout
}

func appVersion(t testing.TB) string {
	var chart struct{ AppVersion string }
	if err := yaml.Unmarshal([]byte(kit.Read(t, "k8s/chart/Chart.yaml")), &chart); err != nil {
		t.Fatal(err)
	}
	return chart.AppVersion
}
