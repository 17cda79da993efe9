//go:build mesh

package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
)

// istio is a real istiod. It reads the tests' control plane, and injects proxies into pods as they are made.
type istio struct {
	*Plane
	process *kit.Process
	debug   string
	xds     string
}

func (p *Plane) istio() *istio {
	p.Helper()
	i := &istio{Plane: p, debug: kit.FreeAddress(p), xds: kit.FreeAddress(p)}
	inject := fmt.Sprint(kit.FreePort(p))
	p.istioObjects(inject)
	i.process = kit.Start(p, "istiod", []string{"POD_NAME=istiod", "POD_NAMESPACE=istio-system", "REVISION=default", "ISTIOD_CUSTOM_HOST=localhost",
		"INJECTION_WEBHOOK_CONFIG_NAME=istio-sidecar-injector", "VALIDATION_WEBHOOK_CONFIG_NAME=", "PILOT_ENABLE_AMBIENT=true"},
		kit.Tool("pilot-discovery"), "discovery", "--kubeconfig="+p.kubeconfig, "--namespace=istio-system", "--httpAddr="+i.debug, "--grpcAddr="+i.xds,
		"--httpsAddr=127.0.0.1:"+inject, "--secureGRPCAddr="+kit.FreeAddress(p), "--monitoringAddr="+kit.FreeAddress(p), "--ctrlz_port=0")
	kit.Eventually(p, "istiod is ready, and the API server trusts its webhook", func() error {
		if err := i.process.Runs(); err != nil {
			p.Fatal(err)
		}
		if _, err := i.get("/ready"); err != nil {
			return err
		}
		if p.kubectl("get", "mutatingwebhookconfiguration", "-o", "jsonpath={.items[*].webhooks[*].clientConfig.caBundle}") == "" {
			return fmt.Errorf("no certificate yet")
		}
		return nil
	})
	return i
}

// istioObjects applies those of Istio's own chart, with the CNI plugin and gateways that meet `restricted`. istiod itself runs
// here, not in a pod.
func (p *Plane) istioObjects(inject string) {
	p.Helper()
	p.kubectl("apply", "--server-side", "--force-conflicts", "-f", filepath.Join(kit.Module(p, "sigs.k8s.io/gateway-api@v1.6.3"), "config/crd/standard"))
	p.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	p.kubectl("create", "namespace", "istio-system")
	module := strings.TrimSpace(kit.Run(p, "go", "list", "-C", kit.At("k8s/tests/istio"), "-m", "-f", "{{.Dir}}", "istio.io/istio"))
	chart := kit.Run(p, kit.Tool("helm"), "template", "istiod", module+"/manifests/charts/istio-control/istio-discovery", "--namespace", "istio-system",
		"--set", "pilot.cni.enabled=true,gateways.seccompProfile.type=RuntimeDefault,istiodRemote.injectionURL=https://localhost:"+inject+"/inject,meshConfig.accessLogFile=/dev/stdout")
	var wanted []string
	for _, object := range kit.Objects(p, chart) {
		if slices.Contains([]string{"ConfigMap", "MutatingWebhookConfiguration"}, object.GetKind()) {
			text, err := object.MarshalJSON()
			if err != nil {
				p.Fatal(err)
			}
			wanted = append(wanted, string(text))
		}
	}
	p.kubectl("apply", "-f", kit.Write(p, p.TempDir()+"/istiod.yaml", strings.Join(wanted, "\n---\n")))
}

func (i *istio) get(path string) ([]byte, error) {
	text, err := kit.Body(http.Get("http://" + i.debug + path))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return []byte(text), err
}

// proxyConfig is the configuration that istiod sends to a pod's proxy.
type proxyConfig struct{ Listeners, Clusters, Routes []map[string]any }

func (i *istio) configOf(pod corev1.Pod, kind string) proxyConfig {
	i.Helper()
	meta, err := json.Marshal(map[string]any{"NAMESPACE": pod.Namespace, "NAME": pod.Name, "LABELS": pod.Labels, "SERVICE_ACCOUNT": pod.Spec.ServiceAccountName,
		"INTERCEPTION_MODE": "REDIRECT", "ISTIO_VERSION": "1.31.0", "CLUSTER_ID": "Kubernetes", "INSTANCE_IPS": pod.Status.PodIP})
	if err != nil {
		i.Fatal(err)
	}
	text := kit.Run(i, kit.Tool("istio-proxy"), i.xds, fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, pod.Status.PodIP, pod.Name, pod.Namespace, pod.Namespace), string(meta))
	var all proxyConfig
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		i.Fatalf("%v: %s", err, text)
	}
	return all
}
