package main

import (
	"fmt"
	"strings"
)

// The objectives for 30 days: the share of users' requests that is answered without a 5xx, the share that is answered within 250 ms, and
// the share of readiness checks that find that the bank reaches its store.
const (
	errorObjective   = 0.9995
	latencyObjective = 0.99
	readyObjective   = 0.999
)

// The chart replaces the variables in expressions. $NAMESPACE and $NAME are those of the Helm release. $RATES_AGE_SECONDS and
// $BACKUP_AGE_SECONDS are values of the chart. $EXPORTERS is the wanted number of Redis exporters, 0 or 1. $COLLECTORS is the namespace of
// the Collector's pods.
const (
	here  = `namespace="$NAMESPACE"`
	users = here + `, component!~"` + notUsers + `"`
)

// certificates is when cert-manager's certificates expire. Its own ServiceMonitor does not honour labels: in its series `namespace` is where
// cert-manager runs, and `exported_namespace` is where the certificate is.
const certificates = `(certmanager_certificate_expiration_timestamp_seconds{` + here + `} or label_replace(certmanager_certificate_expiration_timestamp_seconds{exported_` + here + `}, "namespace", "$NAMESPACE", "", ""))`

// budget is an error budget. For each window, bank:<name>:ratio_rate<window> records the share that failed.
type budget struct {
	name, title, page string
	objective         float64
	ratio             string // WINDOW stands for the window
}

var budgets = []budget{
	{"errors", "ErrorBudget", "error-budget", errorObjective,
		`sum by (namespace) (rate(bank_server_errors_total{` + here + `}[WINDOW])) / sum by (namespace) (rate(bank_requests_total{` + users + `}[WINDOW]))`},
	{"slow", "LatencyBudget", "latency-budget", latencyObjective,
		`1 - sum by (namespace) (rate(bank_request_duration_seconds_bucket{` + users + `, le="0.25"}[WINDOW])) / sum by (namespace) (rate(bank_request_duration_seconds_count{` + users + `}[WINDOW]))`},
	{"unready", "ReadinessBudget", "readiness-budget", readyObjective,
		`sum by (namespace) (rate(bank_readiness_failures_total{` + here + `}[WINDOW])) / sum by (namespace) (rate(bank_readiness_checks_total{` + here + `}[WINDOW]))`},
}

// burns are the rates of failures that fire an alert, as multiples of the rate that spends the budget in exactly 30 days. The long window
// shows that the failures matter, the short one that they still happen (Google, The Site Reliability Workbook, chapter 5).
var burns = []struct {
	name, long, short, hold, severity string
	factor                            float64
}{
	{"Fast", "1h", "5m", "2m", "page", 14.4},
	{"Steady", "6h", "30m", "15m", "page", 6},
	{"Slow", "3d", "6h", "1h", "ticket", 1},
}

type alert struct {
	name, severity, hold, expr, page, summary string
}

// alerts lists all alerts except those of budgets. `page` is the runbook: a file in docs/runbooks.
var alerts = []alert{
	{"BankStoreAway", "page", "1m", `sum by (namespace) (rate(bank_requests_total{` + users + `, code="storage-unavailable"}[5m])) / sum by (namespace) (rate(bank_requests_total{` + users + `}[5m])) > 0.05`,
		"store-away", "More than 5 % of users' requests get a 503, because the store is unavailable."},
	{"BankStoreRefuses", "page", "1m", grew("namespace, cause", `bank_store_failures_total{`+here+`, cause=~"OOM|MISCONF|NOREPLICAS|READONLY|NOPERM|NOAUTH|WRONGPASS|too few replicas"}`, "5m") + ` > 0`,
		"store-refuses", "The store answers, but refuses: {{ $labels.cause }}."},
	{"BankStoreAtRisk", "ticket", "5m", grew("namespace, cause", `bank_store_risks_total{`+here+`}`, "1h") + ` > 0`,
		"store-at-risk", "The store is configured so that it may lose money: {{ $labels.cause }}."},
	{"BankUnknownOutcomes", "page", "0s", grew("namespace, kind", `bank_unknown_total{`+here+`}`, "5m") + ` > 0`,
		"unknown-outcomes", "For some operations ({{ $labels.kind }}) the bank does not know whether they were carried out. Their clients have to retry."},
	{"BankBreakerOpen", "page", "0s", grew("namespace, component", `bank_breaker_changes_total{`+here+`, state="open"}`, "5m") + ` > 0`,
		"breaker-open", "The store does not answer in time: instances of {{ $labels.component }} have stopped calling it."},
	{"BankFaults", "page", "0s", grew("namespace, component, event", `bank_events_total{`+here+`, level="error"}`, "5m") + ` > 0`,
		"faults", "{{ $labels.component }} logged an error: {{ $labels.event }}."},
	{"BankRatesStale", "ticket", "5m", `min by (namespace) (` + ages(here, "10m") + `) > $RATES_AGE_SECONDS`,
		"rates-stale", "The displayed exchange rates are {{ $value | humanizeDuration }} old."},
	{"BankNoTraffic", "ticket", "10m", `sum by (namespace) (rate(bank_requests_total{` + users + `}[10m])) == 0 and sum by (namespace) (rate(bank_requests_total{` + users + `}[1d])) > 0.1`,
		"no-traffic", "The bank gets no requests, although it got some during the last day."},
	{"BankNotSeen", "page", "5m", `absent_over_time(bank_requests_total{` + here + `}[10m]) or up{job="$NAMESPACE/$NAME-collector"} == 0 or up{` + here + `, job="$NAME"} == 0 or ` + unheard,
		"not-seen", "Prometheus does not monitor the bank, or only a part of it: do not rely on other alerts."},

	{"BankUnreachable", "page", "2m", `probe_success{` + here + `, job="$NAME", instance=~".+/healthz"} == 0`,
		"unreachable", "{{ $labels.instance }} does not answer."},
	{"BankRedisDown", "page", "1m", `redis_up{` + here + `} == 0 or absent(redis_up{` + here + `}) and on () vector($EXPORTERS) == 1`,
		"redis-down", "Redis does not answer its exporter, or the pod with both is gone."},
	{"BankRedisNearlyFull", "page", "5m", `redis_memory_used_bytes{` + here + `} / redis_memory_max_bytes{` + here + `} > 0.8 and redis_memory_max_bytes{` + here + `} > 0`,
		"redis-nearly-full", "Redis uses {{ $value | humanizePercentage }} of its maxmemory. When it is full, it refuses every write."},
	{"BankRedisLogFails", "page", "0s", `redis_aof_last_write_status{` + here + `} == 0 or redis_aof_last_bgrewrite_status{` + here + `} == 0`,
		"redis-log-fails", "Redis cannot write its append-only file, or cannot rewrite it."},

	{"BankTooFewPods", "page", "5m", `kube_deployment_status_replicas_available{` + here + `, deployment="$NAME"} < kube_deployment_spec_replicas{` + here + `, deployment="$NAME"}`,
		"too-few-pods", "Only {{ $value }} pods are available, fewer than are wanted."},
	{"BankPodsRestart", "ticket", "0s", `sum by (namespace, pod) (` + restarts + `) > 2`,
		"pods-restart", "{{ $labels.pod }} has restarted {{ $value | humanize }} times in 15 minutes."},
	{"BankAutoscalerAtLimit", "ticket", "15m", `kube_horizontalpodautoscaler_status_current_replicas{` + scaler + `} >= kube_horizontalpodautoscaler_spec_max_replicas{` + scaler + `} unless ` + pinned,
		"autoscaler-at-limit", "The autoscaler has reached its maximum number of pods."},
	{"BankCertificateExpires", "ticket", "1h", `min by (namespace, name) (` + certificates + ` - time()) < 14 * 86400 or min by (namespace, instance) (last_over_time(probe_ssl_earliest_cert_expiry{` + here + `}[14d]) - time()) < 14 * 86400`,
		"certificate-expires", "A certificate expires in {{ $value | humanizeDuration }}."},
	{"BankBackupFails", "ticket", "0s", `max by (namespace, cronjob) (` + failed + `) > max by (namespace, cronjob) (kube_cronjob_status_last_successful_time{` + here + `} or 0 * kube_cronjob_created{` + here + `})`,
		"backup-fails", "The last Job of {{ $labels.cronjob }} failed."},
	{"BankBackupOld", "page", "5m", `time() - max by (namespace, cronjob) (kube_cronjob_status_last_successful_time{` + exports + `} or kube_cronjob_created{` + exports + `}) > $BACKUP_AGE_SECONDS`,
		"backup-old", "No export was made for {{ $value | humanizeDuration }}. If the store is lost, everything newer than the last export is lost too."},
}

// unheard is true when the bank's own metrics (OTLP) count more answers than its log lines: then some node has no Collector that reads
// the files. A pod may have sent its metrics to several Collectors, so the largest count of one Collector is taken for each pod.
const unheard = `(sum by (namespace) (rate(bank_requests_total{` + here + `, route=~"/v1/.+", status=~"[23].."}[10m])) < 0.8 * ` + heard + ` and ` + heard + ` > 0.1)`

const heard = `sum by (namespace) (max without (instance) (rate(http_server_request_duration_seconds_count{` + here + `, http_route=~"/v1/.+", http_response_status_code=~"[23].."}[10m])))`

// scaler selects the bank's autoscaler: its namespace may have others. pinned is true if the autoscaler's minimum is its maximum: such an
// autoscaler never adds pods.
const (
	scaler = here + `, horizontalpodautoscaler="$NAME"`
	pinned = `kube_horizontalpodautoscaler_spec_min_replicas{` + scaler + `} >= kube_horizontalpodautoscaler_spec_max_replicas{` + scaler + `}`
)

// restarts counts the restarts of the release's pods. The Collector's pods are in another namespace, but their alerts go to the same people.
const restarts = `increase(kube_pod_container_status_restarts_total{` + here + `, pod=~"$NAME-.*"}[15m]) or label_replace(increase(kube_pod_container_status_restarts_total{namespace="$COLLECTORS", pod=~"$NAME-collector-[^-]+"}[15m]), "namespace", "$NAMESPACE", "", "")`

// ages are the ages of the exchange rates in the last answers, as the Collectors have seen them. A Collector keeps a value for a day, even
// if the bank's pod has moved to another node.
func ages(matchers, window string) string {
	return fmt.Sprintf(`bank_rates_age_seconds{%s} and on (namespace, instance) increase(bank_requests_total{%s, component="rates"}[%s]) > 0`, matchers, matchers, window)
}

// exports selects the CronJob of exports. failed is when each failed Job of an export or a drill began, by CronJob.
const (
	exports = here + `, cronjob="$NAME-backup"`
	failed  = `label_join(max by (namespace, job_name) (kube_job_status_start_time{` + here + `} and on (namespace, job_name) kube_job_failed{` + here +
		`, condition="true"} == 1) * on (namespace, job_name) group_left (owner_name) max by (namespace, job_name, owner_name) (kube_job_owner{` + here +
		`, owner_name=~"$NAME-(backup|drill)"}), "cronjob", "", "owner_name")`
)

// grew is how much a counter has grown. It counts new series too: `increase` ignores the first value of a series. A series is new if
// Prometheus scraped its Collector before the series existed, or if the series was missing for a day. Otherwise Prometheus was down
// meanwhile, and only what was added since its last sample counts.
func grew(by, counter, window string) string {
	before, last := counter+" offset "+window, fmt.Sprintf("last_over_time(%s[1d] offset %s)", counter, window)
	watched := fmt.Sprintf("bank_requests_total{%s} offset %s", here, window)
	return fmt.Sprintf(`sum by (%s) ((%s unless %s and on (namespace, instance) %s) or (%s unless %s) or %s - %s > 0 or increase(%s[%s]))`,
		by, counter, before, watched, counter, last, counter, last, counter, window)
}

// burning returns the alerts of budgets.
func burning() []alert {
	var all []alert
	for _, budget := range budgets {
		for _, burn := range burns {
			limit := fmt.Sprintf("%.6g", burn.factor*(1-budget.objective))
			over := func(window string) string {
				return fmt.Sprintf("bank:%s:ratio_rate%s{%s} > %s", budget.name, window, here, limit)
			}
			all = append(all, alert{"Bank" + budget.title + burn.name, burn.severity, burn.hold, over(burn.long) + " and " + over(burn.short), budget.page,
				fmt.Sprintf("At this rate the %s for 30 days is used up in %s.", words(budget.title), days(30/burn.factor))})
		}
	}
	return all
}

func words(title string) string {
	return strings.ToLower(strings.TrimSuffix(title, "Budget")) + " budget"
}

func days(number float64) string {
	if number == 1 {
		return "a day"
	}
	return fmt.Sprintf("%.2g days", number)
}

// rules returns the groups of a PrometheusRule.
func rules() object {
	var recorded, budgets, others []object
	for _, window := range []string{"5m", "30m", "1h", "6h", "3d"} {
		recorded = append(recorded, recordings(window)...)
	}
	for _, alert := range burning() {
		budgets = append(budgets, alert.rule())
	}
	for _, alert := range alerts {
		others = append(others, alert.rule())
	}
	return object{"groups": []object{
		{"name": "bank-budgets", "rules": append(recorded, budgets...)},
		{"name": "bank", "rules": others},
	}}
}

func recordings(window string) []object {
	var all []object
	for _, budget := range budgets {
		all = append(all, object{"record": fmt.Sprintf("bank:%s:ratio_rate%s", budget.name, window), "expr": strings.ReplaceAll(budget.ratio, "WINDOW", window)})
	}
	return all
}

func (a alert) rule() object {
	return object{"alert": a.name, "expr": a.expr, "for": a.hold, "labels": object{"severity": a.severity},
		"annotations": object{"summary": a.summary, "runbook_url": "https://github.com/money-bank/money-bank/blob/main/docs/runbooks/" + a.page + ".md"}}
}
