package main

// pages are the dashboards.
var pages = []page{
	{"money", "Money", "Does money move, and do clients know whether it did?", []panel{
		one("Operations", "ops", "Deposits, withdrawals and counter posts that were carried out, per second.", rate("kind", "bank_operations_total", `outcome="done"`), "{{kind}}"),
		one("Outcomes of operations", "ops", "unknown: the store may have carried it out. none: the store did not answer, and nothing happened.", rate("outcome", "bank_operations_total"), "{{outcome}}"),
		one("Refusals", "ops", "Refused operations, by the code of the problem.", rate("code", "bank_operations_total", `outcome="refused"`), "{{code}}"),
		one("Replays", "ops", "Operations that got their first answer again, because clients retried under their key.", rate("kind", "bank_replays_total"), "{{kind}}"),
		one("Unknown outcomes", "ops", "Each of these clients has to retry under its key.", rate("kind", "bank_unknown_total"), "{{kind}}"),
		one("Duration of operations", "s", "", quantile(0.99, "", `component=~"deposit|withdraw|counter"`), "99 %"),
		{"Budgets", "percentunit", "The share of requests that failed in the last hour. The objectives are 0.05 % (5xx), 1 % (slower than 250 ms) and 0.1 % (not ready).", []query{
			{`bank:errors:ratio_rate1h{namespace=~"$namespace"}`, "5xx"},
			{`bank:slow:ratio_rate1h{namespace=~"$namespace"}`, "slow"},
			{`bank:unready:ratio_rate1h{namespace=~"$namespace"}`, "not ready"},
		}},
		one("Events", "ops", "Log lines about something else than a request.", rate("event, level", "bank_events_total"), "{{level}} {{event}}"),
	}},
	{"http", "HTTP", "All requests, from the components' log.", []panel{
		one("Requests", "reqps", "", rate("route", "bank_requests_total"), "{{route}}"),
		one("Statuses", "reqps", "", rate("status", "bank_requests_total"), "{{status}}"),
		one("Problems", "reqps", "", rate("code", "bank_requests_total", `code!="none"`), "{{code}}"),
		one("5xx", "reqps", "", rate("component", "bank_server_errors_total"), "{{component}}"),
		{"Duration", "s", "The duration of users' requests.", []query{
			{quantile(0.5, "", `component!~"`+notUsers+`"`), "50 %"}, {quantile(0.9, "", `component!~"`+notUsers+`"`), "90 %"}, {quantile(0.99, "", `component!~"`+notUsers+`"`), "99 %"},
		}},
		one("Duration by route", "s", "", quantile(0.99, ", route"), "99 % {{route}}"),
		one("In flight", "none", "Sent by bank, like the next panel.", `sum by (pod) (`+alive("http_server_active_requests")+`)`, "{{pod}}"),
		one("Connections of clients", "none", "", `sum by (pod) (`+alive("bank_connections")+`)`, "{{pod}}"),
	}},
	{"storage", "Storage", "The store, as the components see it.", []panel{
		one("Requests without a store", "reqps", "", rate("component", "bank_requests_total", `code="storage-unavailable"`), "{{component}}"),
		one("Failures", "ops", "Failed calls, by cause. docs/redis.md explains each.", rate("cause", "bank_store_failures_total"), "{{cause}}"),
		one("Breakers", "ops", "Changes of instances' breakers.", rate("component, state", "bank_breaker_changes_total"), "{{component}} {{state}}"),
		one("State of breakers", "none", "0 closed, 1 half-open, 2 open. Only breakers that changed in the last five minutes.", `max by (component, pod) (`+changed("bank_breaker_state")+`)`, "{{component}} {{pod}}"),
		one("Risks", "ops", "The store is configured so that it may lose money.", rate("cause", "bank_store_risks_total"), "{{cause}}"),
		{"Readiness", "ops", "", []query{
			{rate("pod", "bank_readiness_checks_total"), "checks {{pod}}"}, {rate("pod", "bank_readiness_failures_total"), "not ready {{pod}}"},
		}},
	}},
	{"rates", "Rates", "Exchange rates, and their source, CoinGecko.", []panel{
		one("Age", "s", "The age of the exchange rates that were displayed last.", `min by (namespace) (`+ages(where(), "15m")+`)`, "{{namespace}}"),
		one("Requests", "reqps", "", rate("route", "bank_requests_total", `component="rates"`), "{{route}}"),
		one("Failures of the source", "ops", "Logged at once, and then once a minute.", rate("cause", "bank_rates_failures_total"), "{{cause}}"),
		one("Duration", "s", "", quantile(0.99, "", `component="rates"`), "99 %"),
	}},
	{"redis", "Redis", "The chart's Redis, from its exporter.", []panel{
		one("Up", "none", "", `redis_up{`+inside+`}`, "{{pod}}"),
		{"Memory", "bytes", "At maxmemory Redis refuses every write.", []query{
			{`redis_memory_used_bytes{` + inside + `}`, "used"}, {`redis_memory_max_bytes{` + inside + `}`, "maxmemory"},
		}},
		one("Commands", "ops", "", `sum by (cmd) (rate(redis_commands_total{`+inside+`}[$__rate_interval]))`, "{{cmd}}"),
		one("Duration of commands", "s", "", `sum by (cmd) (rate(redis_commands_duration_seconds_total{`+inside+`}[$__rate_interval])) / sum by (cmd) (rate(redis_commands_total{`+inside+`}[$__rate_interval]) > 0)`, "{{cmd}}"),
		one("Clients", "none", "", `redis_connected_clients{`+inside+`}`, "{{pod}}"),
		one("Keys", "none", "", `sum by (db) (redis_db_keys{`+inside+`})`, "{{db}}"),
		{"Append-only file", "bytes", "", []query{{`redis_aof_current_size_bytes{` + inside + `}`, "now"}, {`redis_aof_base_size_bytes{` + inside + `}`, "after the last rewrite"}}},
		{"Its last write and rewrite", "none", "1: succeeded. 0: failed.", []query{{`redis_aof_last_write_status{` + inside + `}`, "write"}, {`redis_aof_last_bgrewrite_status{` + inside + `}`, "rewrite"}}},
	}},
	{"platform", "Platform", "Pods, from kube-state-metrics. Certificates, from cert-manager. Requests and calls, from OTLP.", []panel{
		{"Pods", "none", "", []query{{`kube_deployment_status_replicas_available{` + inside + `}`, "available {{deployment}}"}, {`kube_deployment_spec_replicas{` + inside + `}`, "wanted {{deployment}}"}}},
		one("Restarts", "none", "", `sum by (pod) (increase(kube_pod_container_status_restarts_total{`+inside+`}[15m]))`, "{{pod}}"),
		{"Autoscaler", "none", "", []query{{`kube_horizontalpodautoscaler_status_current_replicas{` + inside + `}`, "now"}, {`kube_horizontalpodautoscaler_spec_max_replicas{` + inside + `}`, "maximum"}}},
		one("Certificates", "s", "The time until they expire.", `min by (name) ((certmanager_certificate_expiration_timestamp_seconds{`+inside+`} or certmanager_certificate_expiration_timestamp_seconds{exported_`+inside+`}) - time())`, "{{name}}"),
		one("Spans", "ops", "Spans of traces, per second.", `sum by (span_name, status_code) (rate(bank_spans_calls_total{`+inside+`}[$__rate_interval]))`, "{{span_name}} {{status_code}}"),
		one("Instances", "none", "Instances of components, sent by bank once a minute. An instance ends after a second without a request, so a bank with few requests shows 0. A component that was never called has no series.", `sum by (component_id) (`+alive("bank_instances")+`)`, "{{component_id}}"),
		one("Calls of stores", "s", "The duration of calls, sent by bank, for each kind of store.", `histogram_quantile(0.99, sum by (le, db_operation_name) (rate(db_client_operation_duration_seconds_bucket{`+inside+`}[$__rate_interval])))`, "99 % {{db_operation_name}}"),
		one("Duration of spans", "s", "", `histogram_quantile(0.99, sum by (le, span_name) (rate(bank_spans_duration_seconds_bucket{`+inside+`}[$__rate_interval])))`, "99 % {{span_name}}"),
	}},
}
