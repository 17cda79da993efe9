//go:build all

package cluster

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// The real Flagger, on the metrics of real banks, which the chart's Collector hands to a real Prometheus.
func byFlagger(t *testing.T, plane *Plane) {
	c := plane.flagged("flagged")
	for _, test := range []struct {
		name string
		run  func(*flagged)
	}{
		{"one whose store is away is taken back within a minute", oneWhoseStoreIsAwayIsTakenBack},
		{"one that fits becomes the release, and nothing is lost meanwhile", oneThatFitsIsPromoted},
	} {
		if !t.Run(test.name, func(t *testing.T) { test.run(&flagged{c.canary.of(t), c.otlp, c.values}) }) {
			break
		}
	}
}

type flagged struct {
	*canary
	otlp, values string
}

func (p *Plane) flagged(namespace string) *flagged {
	p.Helper()
	c := &flagged{canary: p.money(namespace)}
	c.release, c.other = "bank-primary", "bank"
	c.fronts = p.fronts(namespace, "money-bank/app-name", c.other, 3000)
	otlp, metrics := p.collector(namespace)
	c.otlp = otlp
	c.fronts.lead(c.release, c.pod("bank-primary-5d8f7c-x1", c.store))
	c.fronts.lead(c.other, c.pod("bank-5d8f7c-x1", c.store))
	prometheus := p.prometheus(namespace, metrics)
	kit.Start(p, "flagger", nil, kit.Tool("flagger"), append(p.readmesFlags(), "-kubeconfig", p.kubeconfig,
		"-metrics-server", prometheus, "-control-loop-interval", "1s", "-port", fmt.Sprint(kit.FreePort(p)))...)
	c.values = "runtime=bank,canary.flagger.enabled=true,executor.otlpEndpoint=http://collector.monitoring:4318,canary.flagger.prometheus=" + prometheus
	c.install(c.values, fast)
	c.becomes(time.Minute, "Initialized")
	c.isReached()
	return c
}

var flags = regexp.MustCompile("<!-- run by k8s/tests/cluster: Flagger -->\n```sh\nflagger ([^\n]+)\n")

func (p *Plane) readmesFlags() []string {
	p.Helper()
	found := flags.FindStringSubmatch(kit.Read(p, "k8s/chart/README.md"))
	if found == nil {
		p.Fatal("the chart's README does not say how Flagger is started")
	}
	return strings.Fields(found[1])
}

// The steps are so short that a test can wait for all of them.
const fast = "canary.flagger.interval=5s,canary.flagger.window=10s"

// pod starts a bank whose telemetry has the name of this pod.
func (c *flagged) pod(name, store string) string {
	return c.bank(name, store, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+c.otlp, "OTEL_METRIC_EXPORT_INTERVAL=1000",
		"OTEL_RESOURCE_ATTRIBUTES=service.instance.id="+name+",k8s.pod.name="+name+",k8s.namespace.name="+c.namespace)
}

// becomes waits until Flagger reports this phase of the canary, and returns when it first sent users there.
func (c *flagged) becomes(within time.Duration, phase string) time.Time {
	c.Helper()
	var led time.Time
	for until := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		said := strings.Fields(c.kubectl("-n", c.namespace, "get", "canary", "bank", "-o", "jsonpath={.status.phase} {.status.canaryWeight}"))
		if led.IsZero() && len(said) == 2 && said[1] != "0" {
			led = time.Now()
		}
		if len(said) > 0 && said[0] == phase {
			return led
		}
		if time.Now().After(until) {
			c.Fatalf("the canary is %v, not %s:\n%s", said, phase, c.kubectl("-n", c.namespace, "get", "events"))
		}
	}
}

func (c *flagged) image() string {
	return c.kubectl("-n", c.namespace, "get", "deployment", c.release, "-o", "jsonpath={.spec.template.spec.containers[0].image}")
}

func oneWhoseStoreIsAwayIsTakenBack(c *flagged) {
	c.fronts.lead(c.other, c.pod("bank-66c8d9-x1", fmt.Sprintf("redis://127.0.0.1:%d", kit.FreePort(c))))
	users := c.users()
	// The tag is set the way the chart sets it.
	c.install(c.values, "image.tag=bad")
	c.becomes(30*time.Second, "Progressing")
	led := c.becomes(2*time.Minute, "Failed")
	if took := time.Since(led); led.IsZero() || took > time.Minute {
		c.Errorf("it was taken back %s after users were led to it", took)
	} else {
		c.Logf("taken back %.1f s after users were led to it", took.Seconds())
	}
	if weights := c.kubectl("-n", c.namespace, "get", "httproute", "bank", "-o", "jsonpath={.spec.rules[0].backendRefs[*].weight}"); weights != "100 0" {
		c.Errorf("the weights are %s", weights)
	}
	if image := c.image(); !strings.HasSuffix(image, ":one") {
		c.Errorf("the release is %s", image)
	}
	users.end()
}

func oneThatFitsIsPromoted(c *flagged) {
	c.fronts.lead(c.other, c.pod("bank-7b4fb5-x1", c.store))
	users := c.users()
	c.install(c.values, fast, "image.tag=good")
	c.becomes(30*time.Second, "Progressing")
	c.becomes(3*time.Minute, "Succeeded")
	if image := c.image(); !strings.HasSuffix(image, ":good") {
		c.Errorf("the release is %s", image)
	}
	paid := users.end()
	if users.answered(c.release) == 0 || users.answered(c.other) == 0 || paid == 0 {
		c.Errorf("%d deposits, %d at the release, %d at the canary", paid, users.answered(c.release), users.answered(c.other))
	}
}

// collector starts the chart's Collector, and returns where it takes OTLP and where its metrics are.
func (p *Plane) collector(namespace string) (string, string) {
	p.Helper()
	folder, otlp, metrics := p.TempDir(), kit.FreeAddress(p), kit.FreeAddress(p)
	objects := kit.Rendered(p, "--namespace", namespace, "--set", "monitoring.collector.enabled=true")
	kit.StartCollector(p, "collector-"+namespace, objects, "bank", kit.CollectorAt{OTLP: otlp, GRPC: kit.FreeAddress(p), Metrics: metrics, Pods: folder + "/pods", Offsets: folder + "/offsets"})
	return otlp, metrics
}
