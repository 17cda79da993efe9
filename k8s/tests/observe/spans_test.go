package observe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// careless has spans like Spin's, with a user and an amount in each field that takes text. %[1]s is both, %[2]d and %[3]d its time.
const careless = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"spin"}}]},"scopeSpans":[{"scope":{"name":"spin"},"spans":[
{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET bank:{%[1]s}:wallet","kind":3,
	"startTimeUnixNano":"%[2]d","endTimeUnixNano":"%[3]d","attributes":[
	{"key":"db.system","value":{"stringValue":"redis"}},{"key":"component_id","value":{"stringValue":"kept"}},
	{"key":"arguments","value":{"stringValue":"the whole wallet of %[1]s"}},{"key":"db.operation.name","value":{"stringValue":"GET %[1]s"}}],
	"status":{"code":2,"message":"no wallet of %[1]s"},"traceState":"vendor=%[1]s"},
{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","name":"%[1]s /v1/wallet/%[1]s","kind":2,
	"startTimeUnixNano":"%[2]d","endTimeUnixNano":"%[3]d","attributes":[
	{"key":"http.request.method","value":{"stringValue":"%[1]s"}},{"key":"http.route","value":{"stringValue":"/v1/..."}},
	{"key":"client.address","value":{"stringValue":"%[1]s"}},{"key":"network.peer.address","value":{"stringValue":"%[1]s"}},
	{"key":"url.scheme","value":{"stringValue":"%[1]s"}},{"key":"user_agent.original","value":{"stringValue":"%[1]s"}},{"key":"server.address","value":{"stringValue":"%[1]s"}},
	{"key":"err","value":{"stringValue":"%[1]s"}},{"key":"error.type","value":{"stringValue":"NoWallet(%[1]s)"}},
	{"key":"what.nobody.knows","value":{"stringValue":"%[1]s"}}],
	"events":[{"timeUnixNano":"%[2]d","name":"Processing request on path '/v1/wallet/%[1]s'","attributes":[
		{"key":"arguments","value":{"stringValue":"%[1]s"}}]}]},
{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b176","name":"execute /v1/wallet/%[1]s","kind":1,
	"startTimeUnixNano":"%[2]d","endTimeUnixNano":"%[3]d"},
{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b177","name":"linked","kind":1,
	"startTimeUnixNano":"%[2]d","endTimeUnixNano":"%[3]d","links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b178",
		"attributes":[{"key":"key","value":{"stringValue":"%[1]s"}}]}]}]}]}]}`

// push sends it to the Collector, which must accept it.
func (h *House) push(what, body string) {
	h.Helper()
	kit.Eventually(h, "the Collector takes "+what, func() error {
		_, err := kit.Body(http.Post("http://"+h.otlp+"/v1/"+what, "application/json", strings.NewReader(body)))
		return err
	})
}

func spansNameNobody(h *House, t *testing.T) {
	now := time.Now().UnixNano()
	body := fmt.Sprintf(careless, secretUser+" "+secretAmount, now, now+1000000)
	h.push("traces", body)
	var traces, metrics string
	kit.Eventually(t, "the spans go on, and are counted", func() (err error) {
		if metrics, err = h.exported(); err != nil {
			return err
		}
		traces = h.sink.all("/v1/traces")
		if err := kit.Missing(traces, "component_id", "kept", "_OTHER /v1/..."); err != nil {
			return err
		}
		return kit.Missing(metrics, `span_name="GET"`, `span_name="_OTHER /v1/..."`, `span_name="internal"`)
	})
	for _, secret := range []string{secretUser, secretAmount, "arguments", "Processing", "client.address", "user_agent", "network.peer", "what.nobody.knows", "vendor="} {
		if strings.Contains(traces, secret) {
			t.Errorf("%s is in a trace", secret)
		}
		if strings.Contains(metrics, secret) {
			t.Errorf("%s is in a metric", secret)
		}
	}
}
