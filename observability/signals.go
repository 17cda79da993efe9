package main

import "strings"

// signals is the one list of the bank's metrics. The Collector makes each of them from the bank's log lines. Rules, dashboards and
// the table of docs/observability.md use no others (main_test.go).
//
// Labels have few values, all of them the bank's own: routes are templates, codes are those of the catalogue of problems, causes
// those of docs/redis.md. No label identifies a user.
var signals = []signal{
	{
		name: "bank_requests_total", kind: sum, value: "1", when: isRequest,
		help:   "Requests answered.",
		labels: []string{"component", "method", "route", "status", "code"},
	},
	{
		name: "bank_request_duration_seconds", kind: histogram, value: `attributes["duration_ms"] / 1000.0`, when: isRequest,
		help:   "How long requests took, from the component's beginning to its answer.",
		labels: []string{"component", "route"},
	},
	{
		// Every request adds 0 or 1, so that the series exists before its first error.
		name: "bank_server_errors_total", kind: sum, value: `Int(attributes["server_error"])`, when: isUsers,
		help:   "Requests of users that were answered with 5xx.",
		labels: []string{"component"},
	},
	{
		name: "bank_operations_total", kind: sum, value: "1", when: isOperation,
		help:   "Deposits, withdrawals and counts, by what became of them: done, replayed, refused, unknown, none or failed.",
		labels: []string{"kind", "outcome", "code"},
	},
	{
		name: "bank_replays_total", kind: sum, value: `Int(attributes["replay"])`, when: isOperation,
		help:   "Operations that were answered again under their idempotency key.",
		labels: []string{"kind"},
	},
	{
		name: "bank_unknown_total", kind: sum, value: `Int(attributes["unknown"])`, when: isOperation,
		help:   "Operations of which nobody knows yet whether they happened.",
		labels: []string{"kind"},
	},
	{
		name: "bank_readiness_checks_total", kind: sum, value: "1", when: isReadiness,
		help:   "How often somebody asked whether the bank reaches its store.",
		labels: []string{"pod"},
	},
	{
		name: "bank_readiness_failures_total", kind: sum, value: `Int(attributes["server_error"])`, when: isReadiness,
		help:   "How often it did not.",
		labels: []string{"pod"},
	},
	{
		name: "bank_rates_age_seconds", kind: gauge, value: `attributes["age_seconds"]`, when: `attributes["age_seconds"] != nil`,
		help: "How old the rates of the last answer with rates were.",
	},
	{
		name: "bank_store_failures_total", kind: sum, value: `Int(attributes["failures"])`,
		when:   `attributes["event"] == "store" and attributes["state"] == "failing"`,
		help:   "Calls of the store that failed, by cause.",
		labels: []string{"component", "cause"},
	},
	{
		name: "bank_store_risks_total", kind: sum, value: "1", when: `attributes["event"] == "store" and attributes["state"] == "at risk"`,
		help:   "How often the bank has said that its store may lose money, by cause.",
		labels: []string{"cause"},
	},
	{
		name: "bank_breaker_changes_total", kind: sum, value: "1", when: isBreaker,
		help:   "How often an instance's breaker became open, half-open or closed.",
		labels: []string{"component", "pod", "state"},
	},
	{
		name: "bank_breaker_state", kind: gauge, value: `attributes["breaker"]`, when: isBreaker,
		help:   "What a breaker became last: 0 closed, 1 half-open, 2 open.",
		labels: []string{"component", "pod"},
	},
	{
		name: "bank_rates_failures_total", kind: sum, value: "1", when: `attributes["event"] == "rates-not-fetched"`,
		help:   "How often the bank has said that it gets no rates: at once, and then once a minute.",
		labels: []string{"cause"},
	},
	{
		name: "bank_events_total", kind: sum, value: "1", when: `attributes["event"] != nil and not (` + isRequest + `)`,
		help:   "Lines of the log that are no requests.",
		labels: []string{"component", "level", "event"},
	},
}

// pushed are the metrics that `bank` and Spin send themselves, by OTLP (docs/telemetry.md). The Collector accepts only these: no other sender
// can make series.
var pushed = []push{
	{"http.server.request.duration", "http_server_request_duration_seconds", histogram},
	{"http.server.active_requests", "http_server_active_requests", gauge},
	{"http.client.request.duration", "http_client_request_duration_seconds", histogram},
	{"db.client.operation.duration", "db_client_operation_duration_seconds", histogram},
	{"bank.instances", "bank_instances", gauge},
	{"bank.connections", "bank_connections", gauge},
	{"spin.request_count", "spin_request_count_total", sum},
	// Spin's alone, if it is built with it.
	{"spin.component_cpu_time", "spin_component_cpu_time", histogram},
	{"spin.component_memory_used", "spin_component_memory_used", histogram},
	{"spin.component_memory_used_on_init", "spin_component_memory_used_on_init", histogram},
}

// pushedAttributes are the attributes that those keep, each with its possible values. Any other value becomes `_OTHER`. A server's address is
// not among them: `bank` calls few servers, but a sender could name many.
var pushedAttributes = []attribute{
	{"component_id", strings.Join(components, "|")},
	{"db.operation.name", operationNames},
	{"db.system.name", "key-value|redis"},
	{"error.type", failureTypes},
	{"http.request.method", methods},
	{"http.response.status_code", "[1-5][0-9]{2}"},
	{"http.route", strings.ReplaceAll(strings.Join(routes, "|"), ".", "[.]")},
	{"url.scheme", "https?"},
}

// The possible values of attributes, also of spans.
const (
	operationNames = "[A-Za-z_]{1,20}"
	failureTypes   = "[1-5][0-9]{2}|client_gone|timeout|unreachable|failed|given_up|[A-Z]{2,20}"
	methods        = "GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH"
)

// resourceAttributes are what is kept of a metric's sender: they become labels of `target_info`.
var resourceAttributes = []string{"k8s.namespace.name", "k8s.pod.name", "service.instance.id", "service.name", "service.namespace", "service.version"}

// Conditions: which event a line of the log is.
const (
	isRequest   = `attributes["event"] == "request"`
	isUsers     = isRequest + ` and not IsMatch(attributes["component"], "^(` + notUsers + `)$")`
	isPosted    = isRequest + ` and attributes["method"] == "POST"`
	isReadiness = isRequest + ` and attributes["route"] == "/readyz"`
	isOperation = isRequest + ` and attributes["kind"] != nil`
	isBreaker   = `attributes["event"] == "breaker"`
)

// notUsers are the components whose requests are not users': probes ask `health`, and other components ask `identity` for a request that
// is counted itself.
const notUsers = "health|identity"

// components are those of spin.toml. JSON lines of other programs in the bank's namespace are not counted: the text of their `event`
// would become a label.
var components = []string{"counter", "deposit", "docs", "health", "identity", "rates", "wallet", "web", "withdraw"}

// routes are those of spin.toml.
var routes = []string{"/...", "/deposit", "/docs/...", "/healthz", "/openapi.json", "/readyz", "/v1/bitcoins", "/v1/convert", "/v1/counters/:name",
	"/v1/deposit", "/v1/rates", "/v1/rates/:code", "/v1/rates/history", "/v1/wallet", "/v1/wallet/entries", "/v1/withdraw", "/withdraw"}

// notOurs are conditions of lines that no component of the bank has written.
var notOurs = []string{
	`attributes["event"] == nil or attributes["component"] == nil`,
	`not IsMatch(attributes["component"], "^(` + strings.Join(components, "|") + `)$")`,
	`not IsMatch(attributes["event"], "^[a-z-]{1,40}$")`,
}

// everywhere are the labels of every signal.
var everywhere = []string{"namespace", "store"}

// derived are the attributes that the Collector computes from a line before it counts it, in order. They are removed afterwards.
var derived = []string{
	`set(attributes["namespace"], resource.attributes["k8s.namespace.name"])`,
	`set(attributes["pod"], resource.attributes["k8s.pod.name"])`,
	`set(attributes["store"], "${env:BANK_STORE}")`,
	`set(attributes["cause"], attributes["reason"]) where attributes["reason"] != nil`,
	`set(attributes["status_number"], Int(attributes["status"])) where ` + isRequest,
	`set(attributes["status"], String(attributes["status_number"])) where ` + isRequest,
	`set(attributes["server_error"], 0) where ` + isRequest,
	`set(attributes["server_error"], 1) where ` + isRequest + ` and attributes["status_number"] >= 500`,
	// Before a page of another origin posts, its browser sends a preflight request by OPTIONS.
	`set(attributes["kind"], attributes["component"]) where ` + isPosted + ` and (attributes["component"] == "deposit" or attributes["component"] == "withdraw")`,
	`set(attributes["kind"], "count") where ` + isPosted + ` and attributes["component"] == "counter"`,
	`set(attributes["replay"], 0) where ` + isOperation,
	`set(attributes["replay"], 1) where ` + isOperation + ` and attributes["replayed"] == true`,
	`set(attributes["unknown"], 0) where ` + isOperation,
	`set(attributes["unknown"], 1) where ` + isOperation + ` and attributes["outcome"] == "unknown"`,
	`set(attributes["outcome"], "failed") where ` + isOperation + ` and attributes["outcome"] == nil and attributes["status_number"] >= 500`,
	`set(attributes["outcome"], "refused") where ` + isOperation + ` and attributes["outcome"] == nil and attributes["status_number"] >= 400`,
	`set(attributes["outcome"], "replayed") where ` + isOperation + ` and attributes["outcome"] == nil and attributes["replay"] == 1`,
	`set(attributes["outcome"], "done") where ` + isOperation + ` and attributes["outcome"] == nil`,
	`set(attributes["breaker"], 0) where ` + isBreaker,
	`set(attributes["breaker"], 1) where ` + isBreaker + ` and attributes["state"] == "half-open"`,
	`set(attributes["breaker"], 2) where ` + isBreaker + ` and attributes["state"] == "open"`,
}

// seconds are the bounds of histograms of durations. 0.25 is the objective, 0.5 the storage deadline.
var seconds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type kind string

const (
	sum       kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// push is a pushed metric: its name there, and in Prometheus.
type push struct {
	name, shown string
	kind        kind
}

// attribute has few values: those that its expression matches as a whole.
type attribute struct{ name, values string }

type signal struct {
	name   string
	kind   kind
	help   string
	value  string // an expression of OTTL, of a line
	when   string // a condition of OTTL
	labels []string
}
