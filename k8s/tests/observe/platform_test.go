package observe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestThePlatformIsTold causes the faults that the platform's alerts are for, in objects of a real control plane and in a real
// certificate. kube-state-metrics and the blackbox exporter are real; kwok stands in for the kubelets.
func TestThePlatformIsTold(t *testing.T) {
	h := newHouse(t)
	h.render(h.sink.url)
	p := &cluster{House: h, kubeconfig: kit.StartPlane(t, h.folder, kit.PlaneOptions{Address: "127.0.0.1",
		// kwok's nodes send no heartbeats.
		Controllers: []string{"--node-monitor-grace-period=1h"}}).Kubeconfig}
	p.startNodes()
	issuer := p.startCertManager()
	p.install()
	certificate := h.startBehindTLS()
	h.scrape = 5 * time.Second
	h.startPrometheus(labelledJob("kube-state-metrics", p.startStateMetrics()), issuer, h.startProber().probeJob("https://"+certificate.listen, "https://"+certificate.listen))
	h.runDrills(t, []drill{
		{"no node accepts a pod", []string{"BankTooFewPods"}, func(*House) {
			p.kubectl("cordon", "--selector=test=node")
			p.kubectl("delete", "pod", p.pod(), "--wait=false")
		}, func(*House) { p.kubectl("uncordon", "--selector=test=node") }, lasts},
		{"a pod restarts repeatedly", []string{"BankPodsRestart"}, p.restart, func(*House) {}, passes},
		{"the Deployment has the maximum number of pods of its autoscaler", []string{"BankAutoscalerAtLimit"},
			func(*House) { p.scale(4) }, func(*House) { p.scale(3) }, lasts},
		{"cert-manager issues a certificate for ten days", []string{"BankCertificateExpires"},
			func(*House) { p.certificateOf(10) }, func(*House) { p.certificateOf(90) }, lasts},
		{"no export was made for hours", []string{"BankBackupOld"}, func(*House) { p.lastExport(5 * time.Hour) }, func(*House) { p.export("0", "Succeeded") }, lasts},
		{"an export is refused, because the store has lost money", []string{"BankBackupFails"},
			func(*House) { p.export("5", "Failed") }, func(*House) { p.export("0", "Succeeded") }, lasts},
		{"the bank serves a certificate for ten days", []string{"BankCertificateExpires"},
			func(*House) { certificate.of(10) }, func(*House) { certificate.of(90) }, lasts},
	})
}

// cluster is a control plane with three nodes, on which the chart is installed.
type cluster struct {
	*House
	kubeconfig string
	exports    int
}

func (p *cluster) kubectl(arguments ...string) string {
	p.Helper()
	return kit.Run(p, kit.Tool("kubectl"), append([]string{"--kubeconfig", p.kubeconfig, "--namespace", "money-bank"}, arguments...)...)
}

func (p *cluster) startNodes() {
	p.Helper()
	port := kit.FreePort(p)
	kwok := []string{"--kubeconfig=" + p.kubeconfig, "--manage-all-nodes=true", "--node-ip=127.0.0.1", fmt.Sprintf("--node-port=%d", port),
		fmt.Sprintf("--server-address=127.0.0.1:%d", port)}
	for _, stage := range []string{"node/fast/node-initialize", "pod/fast/pod-ready", "pod/fast/pod-delete"} {
		kwok = append(kwok, "--config="+kit.Required(p, "sigs.k8s.io/kwok")+"/kustomize/stage/"+stage+".yaml")
	}
	kit.Start(p, "kwok", nil, kit.Tool("kwok"), kwok...)
	var nodes strings.Builder
	for number := range 3 {
		fmt.Fprintf(&nodes, `
apiVersion: v1
kind: Node
metadata: {name: node-%d, labels: {test: node, kubernetes.io/hostname: node-%d}}
status: {allocatable: &size {cpu: "32", memory: 64Gi, ephemeral-storage: 100Gi, pods: "100"}, capacity: *size}
---
`, number, number)
	}
	p.kubectl("apply", "--filename", kit.Write(p, p.folder+"/nodes.yaml", nodes.String()))
	p.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
}

// install installs the chart with `runtime: bank` and an autoscaler; three pods run. It does not wait for Redis, which has no disk.
func (p *cluster) install() {
	p.Helper()
	kit.Run(p, kit.Tool("helm"), "--kubeconfig", p.kubeconfig, "install", "bank", kit.Chart, "--namespace", "money-bank", "--create-namespace", "--values", kit.InFront,
		"--set", "runtime=bank,autoscaling.enabled=true,autoscaling.minReplicas=3,autoscaling.maxReplicas=4",
		"--set", "backup.enabled=true,backup.schedule=0 0 1 1 *,backup.drill.enabled=false,backup.s3.bucket=money,backup.s3.existingSecret=s3",
		"--set", "ingress.enabled=true,tls.mode=certManager,tls.certManager.issuerKind=Issuer,tls.certManager.issuer=own")
	p.kubectl("wait", "--for=jsonpath={.status.availableReplicas}=3", "deployment/bank", "--timeout=300s")
}

func (p *cluster) scale(pods int) {
	p.kubectl("scale", "deployment/bank", fmt.Sprint("--replicas=", pods))
}

// pod returns the name of a pod of the bank.
func (p *cluster) pod() string {
	p.Helper()
	names := strings.Fields(p.kubectl("get", "pods", "--selector=app.kubernetes.io/component=app", "--output=jsonpath={.items[*].metadata.name}"))
	if len(names) == 0 {
		p.Fatalf("no pod of the bank's:\n%s", p.kubectl("get", "pods", "--show-labels"))
	}
	return names[0]
}

// restart counts a restart, as a kubelet does.
func (p *cluster) restart(*House) {
	pod := p.pod()
	for count := 1; count <= 5; count++ {
		p.kubectl("patch", "pod", pod, "--subresource=status", "--type=json",
			"--patch", fmt.Sprintf(`[{"op":"replace","path":"/status/containerStatuses/0/restartCount","value":%d}]`, count))
		time.Sleep(2 * time.Second)
	}
}

// lastExport sets the CronJob's last success to this long ago.
func (p *cluster) lastExport(ago time.Duration) {
	p.Helper()
	p.kubectl("patch", "cronjob", "bank-backup", "--subresource=status", "--type=merge",
		"--patch", fmt.Sprintf(`{"status":{"lastSuccessfulTime":%q}}`, time.Now().Add(-ago).UTC().Format(time.RFC3339)))
}

// export makes a Job of the CronJob, and ends its container with this code, as a kubelet does.
func (p *cluster) export(code, phase string) {
	p.Helper()
	p.exports++
	job := fmt.Sprint("bank-backup-", p.exports)
	p.kubectl("create", "job", job, "--from=cronjob/bank-backup")
	var pod string
	kit.Eventually(p, "the Job has a pod that runs", func() error {
		pod = p.kubectl("get", "pods", "--selector=job-name="+job, "--field-selector=status.phase=Running", "--output=jsonpath={.items[*].metadata.name}")
		if pod == "" {
			return fmt.Errorf("%s", p.kubectl("get", "pods", "--selector=job-name="+job))
		}
		return nil
	})
	p.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "--patch", fmt.Sprintf(`{"status":{"phase":%q,"containerStatuses":[{"name":"export",
		"image":"bank","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":%s,"reason":"Ended","finishedAt":%q}}}]}}`,
		phase, code, time.Now().UTC().Format(time.RFC3339)))
}

// startStateMetrics starts kube-state-metrics and returns its address.
func (p *cluster) startStateMetrics() string {
	p.Helper()
	port := kit.FreePort(p)
	metrics := kit.Start(p, "kube-state-metrics", nil, kit.Tool("kube-state-metrics"), "--kubeconfig="+p.kubeconfig, "--host=127.0.0.1", fmt.Sprint("--port=", port),
		"--telemetry-host=127.0.0.1", fmt.Sprint("--telemetry-port=", kit.FreePort(p)), "--resources=deployments,pods,horizontalpodautoscalers,jobs,cronjobs")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	kit.Eventually(p, "kube-state-metrics knows the autoscaler", func() error {
		if err := metrics.Runs(); err != nil {
			p.Fatal(err)
		}
		text, err := get("http://" + address + "/metrics")
		if err != nil {
			return err
		}
		return kit.Missing(text, "kube_horizontalpodautoscaler_status_current_replicas{")
	})
	return address
}

// startCertManager starts the controllers of cert-manager that a self-signed certificate needs, and returns Prometheus' job for them. As
// with cert-manager's own ServiceMonitor, the label `namespace` is cert-manager's, not the certificate's.
func (p *cluster) startCertManager() string {
	p.Helper()
	module := strings.TrimSpace(kit.Run(p, "go", "list", "-C", kit.At("observability/cert-manager"), "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager"))
	p.kubectl("create", "--filename", module+"/deploy/crds")
	p.kubectl("create", "namespace", "money-bank")
	p.kubectl("create", "--filename", kit.Write(p, p.folder+"/issuer.yaml", "{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: own}, spec: {selfSigned: {}}}"))
	address := kit.FreeAddress(p)
	kit.Start(p, "cert-manager", nil, kit.Tool("cert-manager"), "--kubeconfig="+p.kubeconfig, "--metrics="+address)
	return fmt.Sprintf("{job_name: cert-manager, static_configs: [{targets: [%q], labels: {namespace: cert-manager}}]}", address)
}

// certificateOf makes cert-manager issue the chart's certificate anew, for this many days.
func (p *cluster) certificateOf(days int) {
	p.Helper()
	p.kubectl("patch", "certificate", "bank", "--type=merge", "--patch", fmt.Sprintf(`{"spec":{"duration":"%dh","renewBefore":"24h"}}`, 24*days))
	p.kubectl("delete", "secret", "bank-tls")
}

// certificate is the certificate that a bank serves, and its address.
type certificate struct {
	*House
	cert, key, listen string
}

// of makes another certificate, for this many days.
func (c *certificate) of(days int) {
	c.Helper()
	c.makeCertificate(c.cert+".new", c.key+".new", days)
	for _, path := range []string{c.key, c.cert} {
		if err := os.Rename(path+".new", path); err != nil {
			c.Fatal(err)
		}
	}
}

// startBehindTLS starts a bank that serves https.
func (h *House) startBehindTLS() *certificate {
	h.Helper()
	c := &certificate{House: h, cert: h.folder + "/tls.crt", key: h.folder + "/tls.key", listen: kit.FreeAddress(h)}
	c.of(90)
	kit.Start(h, "tls-bank", nil, kit.At("target/native/bank"), "up", "--listen", c.listen, "--state-dir", h.folder+"/tls-bank", "--tls-cert", c.cert, "--tls-key", c.key)
	return c
}
