package main

import "strings"

// signals lists the bank's metrics. The Collector makes each of them from the bank's log lines. Rules, dashboards and the table of
// docs/observability.md use no others (main_test.go).
//
// Labels have few values, all of them fixed by the bank: routes are templates, codes are those of the catalogue of problems, causes
// are those of docs/redis.md. No label identifies a user.
var signals = []signal{
	{
		name: "bank_requests_total", kind: sum, value: "1", when: isRequest,
		help:   "Answered requests.",
		labels: []string{"component", "method", "route", "status", "code"},
	},
	{
		name: "bank_request_duration_seconds", kind: histogram, value: `attributes["duration_ms"] / 1000.0`, when: isRequest,
		help:   "How long requests took, from the start of the component to its answer.",
		labels: []string{"component", "route"},
	},
	{
		// Each request adds 0 or 1, so that the series exists before the first error.
		name: "bank_server_errors_total", kind: sum, value: `Int(attributes["server_error"])`, when: isUsers,
		help:   "Users' requests that were answered with a 5xx.",
		labels: []string{"component"},
	},
	{
		name: "bank_operations_total", kind: sum, value: "1", when: isOperation,
		help:   "Deposits, withdrawals and counter posts, by outcome: done, replayed, refused, unknown, none or failed.",
		labels: []string{"kind", "outcome", "code"},
	},
	{
		name: "bank_replays_total", kind: sum, value: `Int(attributes["replay"])`, when: isOperation,
		help:   "Operations that got their first answer again, under their idempotency key.",
		labels: []string{"kind"},
	},
	{
		name: "bank_unknown_total", kind: sum, value: `Int(attributes["unknown"])`, when: isOperation,
		help:   "Operations whose outcome is unknown: the store may have carried them out.",
		labels: []string{"kind"},
	},
	{
		name: "bank_readiness_checks_total", kind: sum, value: "1", when: isReadiness,
		help:   "Readiness checks: does the bank reach its store?",
		labels: []string{"pod"},
	},
	{
		name: "bank_readiness_failures_total", kind: sum, value: `Int(attributes["server_error"])`, when: isReadiness,
		help:   "Readiness checks that found that the bank did not reach its store.",
		labels: []string{"pod"},
	},
	{
		name: "bank_rates_age_seconds", kind: gauge, value: `attributes["age_seconds"]`, when: `attributes["age_seconds"] != nil`,
		help: "The age of the exchange rates in the last answer that had some.",
	},
	{
		name: "bank_store_failures_total", kind: sum, value: `Int(attributes["failures"])`,
		when:   `attributes["event"] == "store" and attributes["state"] == "failing"`,
		help:   "Failed calls of the store, by cause.",
		labels: []string{"component", "cause"},
	},
	{
		name: "bank_store_risks_total", kind: sum, value: "1", when: `attributes["event"] == "store" and attributes["state"] == "at risk"`,
		help:   "Log lines that say that the store may lose money, by cause.",
		labels: []string{"cause"},
	},
	{
		name: "bank_breaker_changes_total", kind: sum, value: "1", when: isBreaker,
		help:   "Changes of instances' breakers to open, half-open or closed.",
		labels: []string{"component", "pod", "state"},
	},
	{
		name: "bank_breaker_state", kind: gauge, value: `attributes["breaker"]`, when: isBreaker,
		help:   "The last state of a breaker: 0 closed, 1 half-open, 2 open.",
		labels: []string{"component", "pod"},
	},
	{
		name: "bank_rates_failures_total", kind: sum, value: "1", when: `attributes["event"] == "rates-not-fetched"`,
		help:   "Log lines that say that the bank gets no exchange rates: one at once, then one a minute.",
		labels: []string{"cause"},
	},
	{
		name: "bank_events_total", kind: sum, value: "1", when: `attributes["event"] != nil and not (` + isRequest + `)`,
		help:   "Log lines about something else than a request.",
		labels: []string{"component", "level", "event"},
	},
}

// pushed lists the metrics that `bank` and Spin send by OTLP (docs/telemetry.md). The Collector accepts no others, so no other sender can make
// series.
var pushed = []push{
	{"http.server.request.duration", "http_server_request_duration_seconds", histogram},
	{"http.server.active_requests", "http_server_active_requests", gauge},
	{"http.client.request.duration", "http_client_request_duration_seconds", histogram},
	{"db.client.operation.duration", "db_client_operation_duration_seconds", histogram},
	{"bank.instances", "bank_instances", gauge},
	{"bank.connections", "bank_connections", gauge},
	{"spin.request_count", "spin_request_count_total", sum},
	// Only Spin sends these, if it is built with them.
	{"spin.component_cpu_time", "spin_component_cpu_time", histogram},
	{"spin.component_memory_used", "spin_component_memory_used", histogram},
	{"spin.component_memory_used_on_init", "spin_component_memory_used_on_init", histogram},
}

// pushedAttributes lists the attributes that pushed metrics keep, and the possible values of each. Any other value becomes `_OTHER`. The
// address of a server is not among them: `bank` calls few servers, but a sender could name many.
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

// The possible values of attributes of metrics and spans.
const (
	operationNames = "[A-Za-z_]{1,20}"
	failureTypes   = "[1-5][0-9]{2}|client_gone|timeout|unreachable|failed|given_up|[A-Z]{2,20}"
	methods        = "GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH"
)

// resourceAttributes are the attributes that describe the sender of a metric. They become labels of `target_info`.
var resourceAttributes = []string{"k8s.namespace.name", "k8s.pod.name", "service.instance.id", "service.name", "service.namespace", "service.version"}

// Conditions: what a log line is about.
const (
	isRequest   = `attributes["event"] == "request"`
	isUsers     = isRequest + ` and not IsMatch(attributes["component"], "^(` + notUsers + `)$")`
	isPosted    = isRequest + ` and attributes["method"] == "POST"`
	isReadiness = isRequest + ` and attributes["route"] == "/readyz"`
	isOperation = isRequest + ` and attributes["kind"] != nil`
	isBreaker   = `attributes["event"] == "breaker"`
)

// notUsers are the components whose requests are not users': probes call `health`, and other components call `identity` during a request
// that is counted already.
const notUsers = "health|identity"

// components are the components of spin.toml. JSON lines of other programs in the bank's namespace are not counted: their `event` would
// become a label.
var components = []string{"counter", "deposit", "docs", "health", "identity", "rates", "wallet", "web", "withdraw"}

// routes are the routes of spin.toml.
var routes = []string{"/...", "/deposit", "/docs/...", "/healthz", "/openapi.json", "/readyz", "/v1/bitcoins", "/v1/convert", "/v1/counters/:name",
	"/v1/deposit", "/v1/rates", "/v1/rates/:code", "/v1/rates/history", "/v1/wallet", "/v1/wallet/entries", "/v1/withdraw", "/withdraw"}

// notOurs are the conditions of lines that no component of the bank wrote.
var notOurs = []string{
	`attributes["event"] == nil or attributes["component"] == nil`,
	`not IsMatch(attributes["component"], "^(` + strings.Join(components, "|") + `)$")`,
	`not IsMatch(attributes["event"], "^[a-z-]{1,40}$")`,
}

// everywhere are the labels that every signal has.
var everywhere = []string{"namespace", "store"}

// derived are the attributes that the Collector computes from a line before it counts the line, in this order. It removes them afterwards.
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

// seconds are the bounds of the buckets for durations. 0.25 is the objective, 0.5 the storage deadline.
var seconds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type kind string

const (
	sum       kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// push is a pushed metric: its name in OTLP, and in Prometheus.
type push struct {
	name, shown string
	kind        kind
}

// attribute is a name, and a regular expression that must match its whole value.
type attribute struct{ name, values string }

type signal struct {
	name   string
	kind   kind
	help   string
	value  string // an OTTL expression of a line
	when   string // an OTTL condition of a line
	labels []string
}
