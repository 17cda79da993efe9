// Package observe watches real banks with what the chart renders: its Collector's configuration, its Redis with the exporter's user,
// its rules, its dashboards. Only paths, ports and durations differ: an hour of the rules passes in two minutes.
package observe

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// House is a Redis, three banks on it, and everything that watches them.
type House struct {
	*testing.T
	objects      []unstructured.Unstructured
	folder       string
	compression  int           // 0: the default of all houses
	scrape       time.Duration // interval and timeout of each scrape; 0: a second
	settings     []string      // of every bank
	redisPort    int
	redis        *kit.Process
	coingecko    *kit.Process
	upstream     string
	collector    *kit.Process
	otlp, counts string // where the Collector takes OTLP over HTTP, and where it serves metrics
	grpc         string // where it takes OTLP over gRPC
	platform     *platform
	sink         *sink
	receiver     *receiver
	banks        []string
	pods         *int        // how many banks were started, including those that have ended
	memory       int         // the Collector's, in MiB, as the chart limits it; 0: the machine's
	newest       *os.Process // the bank that was started last
	node         string      // the node on which banks are started: the suffix of its folders
	release      string      // the name of its objects; empty: bank
	prometheus   string
	traffic      *day
	wayIn        *wayIn
	prober       *prober
}

// openHouse starts everything but the probes from outside.
func openHouse(t *testing.T) *House {
	h := startHouse(t)
	h.watch()
	return h
}

// newHouse makes an empty house.
func newHouse(t *testing.T) *House {
	return &House{T: t, folder: t.TempDir(), redisPort: kit.FreePort(t), sink: newSink(t), receiver: newReceiver(t), pods: new(int)}
}

// startHouse starts everything but Prometheus and Alertmanager; all banks have these settings.
func startHouse(t *testing.T, settings ...string) *House {
	h := newHouse(t)
	h.settings, h.platform = settings, newPlatform(t)
	h.render(h.sink.url)
	h.startRedis()
	h.startExporter()
	h.startCollector()
	h.upstream = kit.FreeAddress(t)
	h.startCoingecko()
	for range 3 {
		h.startBank()
	}
	return h
}

func (h *House) watch(further ...string) {
	h.startPrometheus(append(further, redisJob(), h.collectors(h.counts), labelledJob("platform", strings.TrimPrefix(h.platform.url, "http://")))...)
}

// render renders the chart. Its Collector sends traces to this address, and logs to the sink.
func (h *House) render(traces string) {
	h.Helper()
	h.release = cmp.Or(h.release, "bank")
	h.objects = kit.Rendered(h, "--values", kit.At("k8s/tests/observe/values.yaml"), "--set", "monitoring.collector.tracesEndpoint="+traces,
		"--set", "monitoring.collector.logsEndpoint="+h.sink.url, "--set", "nameOverride="+h.release)
}

func (h *House) data(kind, name, key string) string {
	h.Helper()
	text, _, _ := unstructured.NestedString(kit.Find(h, h.objects, kind, name).Object, "data", key)
	if text == "" {
		h.Fatalf("%s %s has no %s", kind, name, key)
	}
	return text
}

// replaced replaces texts that must occur.
func (h *House) replaced(text string, pairs ...string) string {
	h.Helper()
	return kit.Replaced(h, text, pairs...)
}

func (h *House) containers() map[string]corev1.Container {
	all := map[string]corev1.Container{}
	for _, container := range kit.Into[appsv1.StatefulSet](h, kit.Find(h, h.objects, "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers {
		all[container.Name] = container
	}
	return all
}

const password = "the-password-of-redis"

// startRedis runs the container's own script. A second time, it runs on the files of the first.
func (h *House) startRedis() {
	h.Helper()
	for _, folder := range []string{"data", "run", "exporter"} {
		if err := os.MkdirAll(filepath.Join(h.folder, folder), 0o700); err != nil {
			h.Fatal(err)
		}
	}
	port := fmt.Sprint(h.redisPort)
	kit.Write(h, h.folder+"/etc/redis.conf", h.replaced(h.data("ConfigMap", "bank-redis", "redis.conf"),
		"\ndir /data\n", "\ndir "+h.folder+"/data\n", "\nport 6379\n", "\nport "+port+"\n", "\nbind * -::*\n", "\nbind 127.0.0.1\n"))
	container := h.containers()["redis"]
	script := h.replaced(container.Args[0], "/etc/redis", h.folder+"/etc", "/run/redis", h.folder+"/run", "/run/exporter", h.folder+"/exporter", "localhost:6379", "localhost:"+port)
	h.redis = kit.Start(h, "redis", []string{"REDISCLI_AUTH=" + password}, container.Command[0], append(container.Command[1:], script)...)
	kit.Eventually(h, "Redis answers", func() error {
		if err := h.redis.Runs(); err != nil {
			h.Fatal(err)
		}
		return kit.Missing(h.cli("ping"), "PONG")
	})
}

// cli runs redis-cli as the bank's user.
func (h *House) cli(arguments ...string) string {
	output, _ := kit.Try("redis-cli", append([]string{"-p", fmt.Sprint(h.redisPort), "--no-auth-warning", "-a", password}, arguments...)...)
	return strings.TrimSpace(output)
}

var exporterPort int

func (h *House) startExporter() {
	exporterPort = kit.FreePort(h)
	arguments := h.replaced(strings.Join(h.containers()["exporter"].Args, "\n"), "localhost:6379", fmt.Sprintf("localhost:%d", h.redisPort),
		"/run/exporter", h.folder+"/exporter", ":9121", fmt.Sprintf("127.0.0.1:%d", exporterPort),
		// Debian's exporter is too old for this flag.
		"\n--exclude-latency-histogram-metrics", "")
	kit.Start(h, "exporter", nil, "prometheus-redis-exporter", strings.Split(arguments, "\n")...)
}

// startCollector starts the Collector of the banks' node. A second time, it listens where Prometheus and the banks expect it.
func (h *House) startCollector() {
	h.Helper()
	if h.counts == "" {
		h.otlp, h.grpc, h.counts = kit.FreeAddress(h), kit.FreeAddress(h), kit.FreeAddress(h)
	}
	h.collector = h.collectorOf("", h.otlp, h.grpc, h.counts)
}

// collectorOf starts a Collector that reads the lines of a node's pods.
func (h *House) collectorOf(node, otlp, grpc, counts string) *kit.Process {
	h.Helper()
	further := []string{"metrics_flush_interval: 15s", "metrics_flush_interval: 1s"}
	if h.memory > 0 {
		further = append(further, "limit_percentage: 80\n", fmt.Sprintf("limit_mib: %d\n", h.memory*80/100), "spike_limit_percentage: 20\n", fmt.Sprintf("spike_limit_mib: %d\n", h.memory*20/100))
	}
	return kit.StartCollector(h, "collector-of-"+h.release+node, h.objects, h.release,
		kit.CollectorAt{OTLP: otlp, GRPC: grpc, Metrics: counts, Pods: h.folder + "/pods" + node, Offsets: h.folder + "/offsets" + node}, further...)
}

func (h *House) startCoingecko() {
	h.coingecko = kit.Start(h, "coingecko", nil, kit.At("target/native/coingecko"), "--listen", h.upstream)
}
