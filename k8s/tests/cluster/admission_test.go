package cluster

import (
	"strings"

	"moneybank/k8s/tests/kit"
)

// Every httpGet of the chart has `httpHeaders: []`. Without it the operator's mutating webhook writes null there, which is refused.
func nullIsRefused(p *Plane) {
	namespace := p.namespace("headers")
	with := kit.Template(p, "--namespace", namespace, "--show-only", "templates/spinapp.yaml")
	var without []string
	for _, line := range strings.Split(with, "\n") {
		if strings.TrimSpace(line) != "httpHeaders: []" {
			without = append(without, line)
		}
	}
	apply := func(text string) (string, error) {
		file := kit.Write(p, p.TempDir()+"/app.yaml", text)
		return kit.Try(kit.Tool("kubectl"), "--kubeconfig", p.kubeconfig, "-n", namespace, "apply", "--server-side", "-f", file)
	}
	output, err := apply(strings.Join(without, "\n"))
	if err == nil || kit.Missing(output, "spec.checks.readiness.httpGet.httpHeaders", `must be of type array: "null"`) != nil {
		p.Errorf("without httpHeaders: %v\n%s", err, output)
	}
	if output, err := apply(with); err != nil {
		p.Errorf("with them: %v\n%s", err, output)
	}
	p.kubectl("delete", "namespace", namespace)
}

// The kubelet's probes of a running pod are answered without the store, which all pods share (../local proves it). Only a
// pod that starts must reach the store.
func probesAskNoStore(p *Plane) {
	for _, pod := range p.runs("money-bank", 3) {
		container := pod.Spec.Containers[0]
		if container.StartupProbe == nil {
			p.Fatalf("%s has no startup probe", pod.Name)
		}
		paths := []string{container.StartupProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path, container.LivenessProbe.HTTPGet.Path}
		if strings.Join(paths, " ") != "/readyz /healthz /healthz" {
			p.Errorf("%s is asked %v", pod.Name, paths)
		}
	}
}
