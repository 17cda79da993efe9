package observe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// TestJaegerShowsADeposit follows a client's trace to the call of Redis, as an operator does. Nothing in it says whose money it was.
func TestJaegerShowsADeposit(t *testing.T) {
	h := newHouse(t)
	h.upstream = "127.0.0.1:9"
	takes, shows := h.startJaeger()
	h.render(takes)
	h.startRedis()
	h.startCollector()
	// The first bank sends over HTTP, the second over gRPC.
	for number, protocol := range []string{"http/protobuf", "grpc"} {
		trace, client := fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e473%d", number), "00f067aa0ba902b7"
		h.depositsIn(h.startBank(), trace, client)
		t.Run(protocol, func(t *testing.T) { h.isWhole(t, shows, trace, client) })
	}
}

// startJaeger starts a Jaeger that keeps traces in memory, and returns where it takes and where it shows them.
func (h *House) startJaeger() (takes, shows string) {
	h.Helper()
	takes, shows = kit.FreeAddress(h), kit.FreeAddress(h)
	jaeger := kit.Start(h, "jaeger", nil, kit.Tool("jaeger"), "--collector.otlp.http.host-port="+takes, "--query.http-server.host-port="+shows,
		"--collector.otlp.grpc.host-port="+kit.FreeAddress(h), "--collector.http-server.host-port="+kit.FreeAddress(h), "--collector.grpc-server.host-port="+kit.FreeAddress(h),
		"--query.grpc-server.host-port="+kit.FreeAddress(h), "--admin.http.host-port="+kit.FreeAddress(h))
	kit.Eventually(h, "Jaeger answers", func() error {
		if err := jaeger.Runs(); err != nil {
			h.Fatal(err)
		}
		_, err := get("http://" + shows + "/api/services")
		return err
	})
	return "http://" + takes, "http://" + shows
}

// depositsIn sends a deposit in a client's trace, and that client's own span, which is less careful than the bank's.
func (h *House) depositsIn(bank, trace, client string) {
	h.Helper()
	request, err := http.NewRequest("POST", bank+"/v1/deposit", strings.NewReader(`{"amount":"`+secretAmount+`"}`))
	if err != nil {
		h.Fatal(err)
	}
	for name, value := range map[string]string{"user_id": secretUser, "idempotency-key": secretKey, "content-type": "application/json",
		"authorization": "Bearer " + secretToken, "traceparent": "00-" + trace + "-" + client + "-01"} {
		request.Header.Set(name, value)
	}
	began := time.Now().UnixNano()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		h.Fatal(answer.Status)
	}
	body := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"client"}}]},"scopeSpans":[{"spans":[
		{"traceId":%q,"spanId":%q,"name":"pay","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
		{"key":"user_id","value":{"stringValue":%q}}]}]}]}]}`, trace, client, began, time.Now().UnixNano(), secretUser)
	if _, err := kit.Body(http.Post("http://"+h.otlp+"/v1/traces", "application/json", strings.NewReader(body))); err != nil {
		h.Fatal(err)
	}
}

const secretToken = "observed-token"

// span is a span, as Jaeger's query API returns it.
type span struct {
	SpanID        string
	OperationName string
	ProcessID     string
	References    []struct{ RefType, SpanID string }
	Tags          []struct {
		Key   string
		Value any
	}
	Warnings []string
}

func (s span) tag(key string) string {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return fmt.Sprint(tag.Value)
		}
	}
	return ""
}

func (s span) parent() string {
	for _, reference := range s.References {
		if reference.RefType == "CHILD_OF" {
			return reference.SpanID
		}
	}
	return ""
}

// trace is a trace in Jaeger: its spans, and the same as text.
type trace struct {
	spans []span
	text  string
}

func (tr *trace) find(matches func(span) bool) (span, error) {
	index := slices.IndexFunc(tr.spans, matches)
	if index < 0 {
		return span{}, fmt.Errorf("no such span in:\n%s", tr.text)
	}
	return tr.spans[index], nil
}

// read asks Jaeger for it.
func (tr *trace) read(url string) (err error) {
	if tr.text, err = get(url); err != nil {
		return err
	}
	var answer struct{ Data []struct{ Spans []span } }
	if err := json.Unmarshal([]byte(tr.text), &answer); err != nil || len(answer.Data) != 1 {
		return fmt.Errorf("%d traces, %v", len(answer.Data), err)
	}
	tr.spans = answer.Data[0].Spans
	return nil
}

// isWhole waits until the trace is complete, and follows it from the call of Redis that moves the money up to the client.
func (h *House) isWhole(t *testing.T, shows, id, client string) {
	var whole trace
	var redis span
	kit.Eventually(t, "Jaeger shows the trace", func() (err error) {
		if err = whole.read(shows + "/api/traces/" + id); err != nil {
			return err
		}
		if redis, err = whole.find(func(s span) bool { return scripts.MatchString(s.OperationName) }); err != nil {
			return err
		}
		_, err = whole.find(func(s span) bool { return s.SpanID == client })
		return err
	})
	for key, wanted := range map[string]string{"db.system.name": "redis", "span.kind": "client", "component_id": "deposit"} {
		if found := redis.tag(key); found != wanted {
			t.Errorf("Redis: %s is %q, not %q", key, found, wanted)
		}
	}
	server, err := whole.find(func(s span) bool { return s.SpanID == redis.parent() })
	if err != nil {
		t.Fatal(err)
	}
	if server.OperationName != "POST /v1/deposit" || server.tag("span.kind") != "server" || server.parent() != client {
		t.Errorf("above Redis is %+v", server)
	}
	for _, span := range whole.spans {
		if len(span.Warnings) != 0 {
			t.Errorf("%s: %v", span.OperationName, span.Warnings)
		}
	}
	for _, secret := range []string{secretUser, secretKey, secretAmount, secretToken, password} {
		if strings.Contains(whole.text, secret) {
			t.Errorf("%s is in:\n%s", secret, whole.text)
		}
	}
	if t.Failed() {
		t.Log(whole.text)
	}
}

// scripts are the commands that run the bank's script.
var scripts = regexp.MustCompile(`^EVAL(SHA)?$`)
