package observe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// ofAStranger is sent by another program in the bank's namespace, with another user in each field that takes text. %[1]s is that user, %[2]d the time.
const ofAStranger = `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"stranger"}},{"key":"user","value":{"stringValue":"%[1]s"}}]},
"scopeMetrics":[{"scope":{"name":"scope of %[1]s","version":"%[1]s","attributes":[{"key":"user","value":{"stringValue":"%[1]s"}}]},"schemaUrl":"https://%[1]s","metrics":[
{"name":"http.server.active_requests","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":"1","startTimeUnixNano":"%[2]d","timeUnixNano":"%[2]d","attributes":[
	{"key":"user","value":{"stringValue":"%[1]s"}},{"key":"url.full","value":{"stringValue":"https://bank/v1/wallet/%[1]s"}},{"key":"server.address","value":{"stringValue":"%[1]s"}},
	{"key":"http.route","value":{"stringValue":"/v1/wallet/%[1]s"}},{"key":"component_id","value":{"stringValue":"%[1]s"}},{"key":"error.type","value":{"stringValue":"%[1]s"}},
	{"key":"http.request.method","value":{"stringValue":"%[1]s"}},{"key":"http.response.status_code","value":{"stringValue":"%[1]s"}},
	{"key":"url.scheme","value":{"stringValue":"%[1]s"}},{"key":"db.system.name","value":{"stringValue":"%[1]s"}},{"key":"db.operation.name","value":{"stringValue":"%[1]s"}}]}]}},
{"name":"bank_spans.calls","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"1","startTimeUnixNano":"%[2]d","timeUnixNano":"%[2]d",
	"attributes":[{"key":"span.name","value":{"stringValue":"%[1]s"}}]}]}},
{"name":"requests.of.%[1]s","gauge":{"dataPoints":[{"asInt":"1","timeUnixNano":"%[2]d"}]}}]}]}]}`

// ofTheBank is what the bank itself sends; %[1]d is the time.
const ofTheBank = `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bank"}}]},"scopeMetrics":[{"metrics":[
{"name":"http.server.request.duration","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"1","sum":0.1,"bucketCounts":["1","0"],"explicitBounds":[0.25],
	"startTimeUnixNano":"%[1]d","timeUnixNano":"%[1]d","attributes":[
	{"key":"component_id","value":{"stringValue":"rates"}},{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"http.response.status_code","value":{"intValue":"200"}},
	{"key":"http.route","value":{"stringValue":"/v1/rates/:code"}},{"key":"url.scheme","value":{"stringValue":"https"}}]}]}},
{"name":"db.client.operation.duration","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"1","sum":0.1,"bucketCounts":["1","0"],"explicitBounds":[0.25],
	"startTimeUnixNano":"%[1]d","timeUnixNano":"%[1]d","attributes":[
	{"key":"component_id","value":{"stringValue":"wallet"}},{"key":"db.system.name","value":{"stringValue":"redis"}},{"key":"db.operation.name","value":{"stringValue":"EVALSHA"}},
	{"key":"error.type","value":{"stringValue":"READONLY"}}]}]}}]}]}]}`

func TestStrangersWhoPushMetricsMakeNoSeries(t *testing.T) {
	h := newHouse(t)
	h.render(h.sink.url)
	h.startCollector()
	for number := range 50 {
		h.push("metrics", fmt.Sprintf(ofAStranger, fmt.Sprintf("%s-%d", secretUser, number), time.Now().UnixNano()))
	}
	h.push("metrics", fmt.Sprintf(ofTheBank, time.Now().UnixNano()))
	var metrics string
	kit.Eventually(t, "what the bank pushes is there as it was", func() (err error) {
		if metrics, err = h.exported(); err != nil {
			return err
		}
		return kit.Missing(metrics, `http_server_request_duration_seconds_count{component_id="rates",http_request_method="GET",http_response_status_code="200",http_route="/v1/rates/:code",job="bank",namespace="money-bank",store="redis",url_scheme="https"} 1`,
			`db_client_operation_duration_seconds_count{component_id="wallet",db_operation_name="EVALSHA",db_system_name="redis",error_type="READONLY",job="bank",namespace="money-bank",store="redis"} 1`)
	})
	var strangers []string
	for line := range strings.Lines(metrics) {
		if strings.Contains(line, `job="stranger"`) && !strings.HasPrefix(line, "target_info{") {
			strangers = append(strangers, line)
		}
	}
	if len(strangers) != 1 || !strings.Contains(strangers[0], `http_route="_OTHER"`) {
		t.Errorf("%d series: %v", len(strangers), strangers)
	}
	for _, never := range []string{secretUser, "url_full", "server_address", "bank_spans"} {
		if strings.Contains(metrics, never) {
			t.Errorf("%s is in:\n%s", never, metrics)
		}
	}
}

// A namespace may have several releases, and one's name may begin with another's.
func TestEachReleaseOfANamespaceCountsTheLinesOfItsOwnPods(t *testing.T) {
	bank, two := newHouse(t), newHouse(t)
	two.release = "bank-two"
	if err := os.Mkdir(bank.folder+"/pods", 0o755); err != nil {
		t.Fatal(err)
	}
	// Both are on one node.
	if err := os.Symlink(bank.folder+"/pods", two.folder+"/pods"); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*House{bank, two} {
		h.render(h.sink.url)
		h.startCollector()
	}
	says := func(pod, event string) {
		keep(strings.NewReader(fmt.Sprintf(`{"level":"info","component":"docs","event":%q}`, event)), bank.logOf(pod))
	}
	// A Collector reads files that it finds at its start from their end on.
	kit.Eventually(t, "each counts lines of its own", func() error {
		*bank.pods++
		says("bank-6d4cf56db6-x2k4p", "of-bank")
		says("bank-two-6d4cf56db6-x2k4p", "of-bank-two")
		time.Sleep(time.Second)
		for _, h := range []*House{bank, two} {
			metrics, err := h.exported()
			if err == nil {
				err = kit.Missing(metrics, fmt.Sprintf("event=%q", "of-"+h.release))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	time.Sleep(2 * time.Second)
	for h, other := range map[*House]string{bank: `event="of-bank-two"`, two: `event="of-bank"`} {
		if metrics, err := h.exported(); err != nil || strings.Contains(metrics, other) {
			t.Errorf("%s counts %s: %v", h.release, other, err)
		}
	}
}
