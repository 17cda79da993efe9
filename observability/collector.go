package main

import (
	"maps"
	"slices"
	"strings"
)

type object = map[string]any

// collector is the Collector's configuration for the chart: it reads the bank's lines from the kubelet's files.
func collector() object {
	return collecting(lines{
		receiver: "filelog", receivers: object{"filelog": filelog()},
		extensions: object{"file_storage": object{"directory": "/var/lib/collector"}},
		processor:  "filter/release",
		processors: object{
			// A release counts only the lines of its own pods: another release in its namespace, whose lines look the same, has its own Collector.
			// Without the variable, all pods of the namespace count as the bank's.
			"filter/release": dropped(`not IsMatch(resource.attributes["k8s.pod.name"], "${env:BANK_PODS:-.}")`),
			// The bank also sends its lines by OTLP. The Collector accepts them, so that the bank logs no failure, and drops them here.
			"filter/sent": dropped("true"),
		},
		pipelines: object{"logs/sent": pipeline("otlp", "filter/sent", "signal_to_metrics")},
	})
}

// collectorOfCompose is the same for compose.yaml, where no kubelet keeps files: the bank sends its lines by OTLP.
func collectorOfCompose() object {
	return collecting(lines{
		receiver: "otlp", processor: "transform/sent",
		processors: object{"transform/sent": object{"error_mode": "ignore", "log_statements": []object{{"context": "log", "statements": sent}}}},
	})
}

// lines is a source of the bank's lines, with the parts of the configuration that it needs.
type lines struct {
	receiver, processor               string
	receivers, processors, extensions object
	pipelines                         object
}

// collecting receives OTLP and the bank's lines, and exports metrics, traces and logs. The chart adds the exporters of traces and logs: without
// them, both are counted and then dropped.
func collecting(lines lines) object {
	return object{
		"extensions": joined(object{"health_check": object{"endpoint": "0.0.0.0:13133"}}, lines.extensions),
		"receivers": joined(object{
			"otlp": object{"protocols": object{
				"grpc": object{"endpoint": "0.0.0.0:4317"},
				"http": object{"endpoint": "0.0.0.0:4318"},
			}},
		}, lines.receivers),
		"processors": joined(processors(), lines.processors),
		"connectors": object{"signal_to_metrics": object{"error_mode": "ignore", "logs": made()}, "spanmetrics": spanmetrics()},
		"exporters": object{
			"prometheus": object{"endpoint": "0.0.0.0:8889", "metric_expiration": "24h", "without_scope_info": true,
				"resource_to_telemetry_conversion": object{"enabled": false}},
		},
		"service": object{
			"extensions": append([]string{"health_check"}, slices.Sorted(maps.Keys(lines.extensions))...),
			"pipelines": joined(object{
				"traces":        pipeline("otlp", "memory_limiter filter/privacy transform/privacy batch", "spanmetrics"),
				"metrics":       pipeline("otlp", "memory_limiter filter/pushed transform/pushed transform/namespace batch", "prometheus"),
				"metrics/spans": pipeline("spanmetrics", "memory_limiter transform/namespace batch", "prometheus"),
				"logs/lines":    pipeline(lines.receiver, "memory_limiter "+lines.processor+" filter/lines batch transform/line", "signal_to_metrics"),
				"metrics/lines": pipeline("signal_to_metrics", "deltatocumulative", "prometheus"),
			}, lines.pipelines),
			// The Collector serves no metrics of its own at another port.
			"telemetry": object{"metrics": object{"level": "none"}, "logs": object{"level": "warn"}},
		},
	}
}

func processors() object {
	return object{
		"memory_limiter": object{"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20},
		// Batches are processed one after another, so that counters keep their order.
		"batch":             object{"timeout": "1s"},
		"filter/privacy":    unlinked(),
		"transform/privacy": privacy(),
		"filter/pushed":     object{"error_mode": "ignore", "metrics": object{"metric": []string{`not IsMatch(name, "^(` + pushedNames() + `)$")`}}},
		"transform/pushed":  fewSeries(),
		"transform/line":    object{"error_mode": "ignore", "log_statements": []object{{"context": "log", "statements": derived}}},
		"transform/namespace": object{"error_mode": "ignore", "metric_statements": []object{
			{"context": "datapoint", "statements": []string{
				`set(attributes["namespace"], "${env:BANK_NAMESPACE}")`, `set(attributes["store"], "${env:BANK_STORE}")`,
				`set(attributes["pod"], resource.attributes["k8s.pod.name"]) where resource.attributes["k8s.pod.name"] != nil`}},
			// The exporter makes the label `instance` of service.instance.id. With it, what a pod sent to two Collectors would be one series with the
			// values of both. Without it, Prometheus sets `instance` to the Collector that it scraped.
			{"context": "resource", "statements": []string{keep(resourceAttributes), `delete_key(attributes, "service.instance.id") where attributes["k8s.pod.name"] != nil`}},
			// Two scopes would make two series with the same labels.
			{"context": "scope", "statements": []string{`set(name, "")`, `set(version, "")`, `set(schema_url, "")`, keep(nil)}}}},
		"filter/lines":      dropped(notOurs...),
		"deltatocumulative": object{"max_stale": "24h", "max_streams": 20000},
	}
}

// dropped drops lines for which one of these conditions is true.
func dropped(conditions ...string) object {
	return object{"error_mode": "ignore", "logs": object{"log_record": conditions}}
}

func pushedNames() string {
	var names []string
	for _, metric := range pushed {
		names = append(names, strings.ReplaceAll(metric.name, ".", "[.]"))
	}
	return strings.Join(names, "|")
}

// fewSeries limits the attributes of pushed metrics to few values.
func fewSeries() object {
	var names, statements []string
	for _, attribute := range pushedAttributes {
		names = append(names, attribute.name)
		statements = append(statements, few(attribute.name, attribute.values))
	}
	return object{"error_mode": "ignore", "metric_statements": []object{{"context": "datapoint", "statements": append([]string{keep(names)}, statements...)}}}
}

func keep(names []string) string {
	if len(names) == 0 {
		return `keep_keys(attributes, [])`
	}
	return `keep_keys(attributes, ["` + strings.Join(names, `", "`) + `"])`
}

// few replaces all other values of an attribute by `_OTHER`.
func few(name, values string) string {
	attribute := `attributes["` + name + `"]`
	return `set(` + attribute + `, "_OTHER") where ` + attribute + ` != nil and not IsMatch(` + attribute + `, "^(` + values + `)$")`
}

func spanmetrics() object {
	return object{
		"namespace":                       "bank_spans",
		"metrics_flush_interval":          "15s",
		"histogram":                       object{"unit": "s", "explicit": object{"buckets": durations()}},
		"dimensions":                      []object{{"name": "component_id"}, {"name": "db.operation.name"}},
		"resource_metrics_key_attributes": []string{"service.name", "k8s.namespace.name"},
		"aggregation_cardinality_limit":   2000,
		"metrics_expiration":              "24h",
	}
}

// sent parses a line that `bank` has sent. Fields of a component get the names that they have in its line.
var sent = []string{
	`merge_maps(attributes, ParseJSON(body), "upsert") where IsString(body) and IsMatch(body, "^[{]")`,
	`set(attributes["component"], attributes["component_id"]) where attributes["component"] == nil`,
}

// filelog reads what the pods of one namespace write, from the kubelet's files.
func filelog() object {
	isJSON := `body matches "^[{]"`
	return object{
		"include":           []string{"/var/log/pods/${env:BANK_NAMESPACE}_*/*/*.log"},
		"start_at":          "end",
		"include_file_path": true,
		"storage":           "file_storage",
		// Lines that memory_limiter refuses are read again later, from the same file.
		"retry_on_failure": object{"enabled": true},
		"operators": []object{
			{"type": "container"},
			{"type": "json_parser", "if": isJSON, "on_error": "send_quiet",
				"timestamp": object{"parse_from": "attributes.time", "layout_type": "gotime", "layout": "2006-01-02T15:04:05.000Z"},
				"severity":  object{"parse_from": "attributes.level"}},
			{"type": "trace_parser", "if": `attributes.trace_id != nil`, "trace_id": object{"parse_from": "attributes.trace_id"}, "on_error": "send_quiet"},
		},
	}
}

// spanAttributes are the attributes that a span keeps; all others are removed (docs/telemetry.md). Spin writes paths, the arguments of
// commands, the names of keys and clients' addresses into them, and its next release may write more.
var spanAttributes = []string{"component_id", "db.operation.name", "db.system", "db.system.name", "error.type", "http.request.method",
	"http.response.status_code", "http.route", "server.address", "server.port", "url.scheme"}

// unlinked drops what can hold any text and is of no use here: span events, and spans with links, which neither host sends.
func unlinked() object {
	return object{"error_mode": "ignore", "traces": object{"spanevent": []string{"true"}, "span": []string{"Len(links) > 0"}}}
}

// privacy removes from a span what could identify anybody. Its name becomes a label, so it is made of few words.
func privacy() object {
	set := func(target, value, where string) string { return `set(` + target + `, ` + value + `) where ` + where }
	attribute := func(name string) string { return `attributes["` + name + `"]` }
	operation, method, route := attribute("db.operation.name"), attribute("http.request.method"), attribute("http.route")
	statements := []string{
		keep(spanAttributes),
		`set(trace_state, "")`, `set(status.message, "")`,
		// On a server's span, it is the name that the client used.
		`delete_key(attributes, "server.address") where kind != SPAN_KIND_CLIENT`,
		// Spin takes the scheme from the target that the client wrote: it may be any word.
		`delete_key(attributes, "url.scheme") where not IsMatch(attributes["url.scheme"], "^https?$")`,
		// Spin names a span by the command and its key.
		set(operation, `name`, operation+` == nil and (`+attribute("db.system")+` == "redis" or `+attribute("db.system.name")+` == "redis")`),
		`replace_pattern(` + operation + `, "(?s) .*$", "")`,
		`delete_key(attributes, "db.operation.name") where not IsMatch(` + operation + `, "^(` + operationNames + `)$")`,
		few("http.request.method", methods), few("error.type", failureTypes),
		`set(name, "internal")`,
	}
	for _, kind := range []string{"server", "client", "producer", "consumer"} {
		statements = append(statements, set(`name`, `"`+kind+`"`, `kind == SPAN_KIND_`+strings.ToUpper(kind)))
	}
	statements = append(statements, set(`name`, operation, operation+` != nil`), set(`name`, method, method+` != nil`),
		set(`name`, `Concat([`+method+`, `+route+`], " ")`, method+` != nil and `+route+` != nil`))
	return object{"error_mode": "ignore", "trace_statements": []object{{"context": "span", "statements": statements}}}
}

// made are the metrics that the Collector makes from lines.
func made() []object {
	var all []object
	for _, signal := range signals {
		metric := object{
			// The exporter adds the suffixes of counters and of units.
			"name":        strings.TrimSuffix(strings.TrimSuffix(signal.name, "_total"), "_seconds"),
			"description": signal.help, "conditions": []string{signal.when}, "attributes": labels(signal),
			// Of the resource, only attributes that are labels.
			"include_resource_attributes": []object{{"key": "service.name", "optional": true}},
		}
		if strings.HasSuffix(signal.name, "_seconds") {
			metric["unit"] = "s"
		}
		switch signal.kind {
		case sum:
			metric["sum"] = object{"value": signal.value, "monotonic": true}
		case gauge:
			metric["gauge"] = object{"value": signal.value}
		case histogram:
			metric["histogram"] = object{"value": signal.value, "buckets": seconds}
		}
		all = append(all, metric)
	}
	return all
}

// labels are the signal's own labels and the common ones. A request has a code only if its answer is a problem.
func labels(signal signal) []object {
	var all []object
	for _, name := range append(append([]string{}, everywhere...), signal.labels...) {
		label := object{"key": name}
		if name == "code" || name == "route" {
			label["default_value"] = "none"
		}
		all = append(all, label)
	}
	return all
}

func durations() []string {
	return strings.Fields("1ms 5ms 10ms 25ms 50ms 100ms 250ms 500ms 1s 5s")
}

func pipeline(receivers, processors, exporters string) object {
	return object{"receivers": strings.Fields(receivers), "processors": strings.Fields(processors), "exporters": strings.Fields(exporters)}
}

func joined(first, second object) object {
	maps.Copy(first, second)
	return first
}
