package observe

import (
	"encoding/json"
	"fmt"
	"strings"

	"moneybank/k8s/tests/kit"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// prober is Debian's blackbox exporter.
type prober struct {
	*House
	listen  string
	process *kit.Process
}

func (h *House) startProber() *prober {
	h.Helper()
	p := &prober{House: h, listen: kit.FreeAddress(h)}
	p.start(h)
	return p
}

func (p *prober) start(h *House) {
	config := kit.Write(h, h.folder+"/blackbox.yaml", "modules: {http_2xx: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}}\n")
	p.process = kit.Start(h, "blackbox", nil, "prometheus-blackbox-exporter", "--config.file="+config, "--web.listen-address="+p.listen)
}

// probeJob is Prometheus' job for the chart's Probe, as the operator makes it. It waits until all targets answer. service and public are the
// addresses here of the bank and of the way in.
func (p *prober) probeJob(service, public string) string {
	p.Helper()
	spec := kit.Find(p, p.objects, "Probe", "bank").Object["spec"].(map[string]any)
	named, _, _ := unstructured.NestedStringSlice(spec, "targets", "staticConfig", "static")
	var targets []string
	for _, target := range strings.Split(p.replaced(strings.Join(named, " "), "http://bank.money-bank.svc/", service+"/", "https://bank.example.com/", public+"/"), " ") {
		targets = append(targets, target)
		kit.Eventually(p, target+" answers", func() error {
			text, err := get(fmt.Sprintf("http://%s/probe?module=%s&target=%s", p.listen, spec["module"], target))
			if err != nil {
				return err
			}
			return kit.Missing(text, "\nprobe_success 1\n")
		})
	}
	job, err := json.Marshal(map[string]any{
		"job_name": spec["jobName"], "metrics_path": "/probe", "params": map[string]any{"module": []any{spec["module"]}},
		"static_configs": []any{map[string]any{"targets": targets, "labels": map[string]any{"namespace": "money-bank"}}},
		"relabel_configs": []any{
			map[string]any{"source_labels": []string{"__address__"}, "target_label": "__param_target"},
			map[string]any{"source_labels": []string{"__param_target"}, "target_label": "instance"},
			map[string]any{"target_label": "__address__", "replacement": p.listen},
		},
	})
	if err != nil {
		p.Fatal(err)
	}
	return string(job)
}

// wayIn is a real NGINX in front of the first bank, as an ingress controller is.
type wayIn struct {
	config, url string
	process     *kit.Process
}

func (h *House) startWayIn() *wayIn {
	h.Helper()
	listen := kit.FreeAddress(h)
	h.makeCertificate(h.folder+"/nginx.crt", h.folder+"/nginx.key", 90)
	w := &wayIn{url: "https://" + listen, config: kit.Write(h, h.folder+"/nginx.conf", fmt.Sprintf(`
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen %s ssl; ssl_certificate nginx.crt; ssl_certificate_key nginx.key;
    location / { proxy_pass %s; }
  }
}
`, listen, h.banks[0]))}
	w.start(h)
	return w
}

func (w *wayIn) start(h *House) {
	w.process = kit.Start(h, "nginx", nil, "nginx", "-p", h.folder, "-e", "stderr", "-c", w.config)
}

// makeCertificate makes a self-signed certificate that is valid for this many days.
func (h *House) makeCertificate(cert, key string, days int) {
	h.Helper()
	kit.Run(h, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days", fmt.Sprint(days),
		"-keyout", key, "-out", cert)
}
