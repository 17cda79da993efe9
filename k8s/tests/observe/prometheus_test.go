package observe

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"moneybank/k8s/tests/kit"

	"sigs.k8s.io/yaml"
)

// compression divides the durations of rules, unless a house has its own: an hour passes in two minutes.
const compression = 30

// redisJob is Prometheus' job for Redis' exporter, as the operator makes it from the chart's PodMonitor.
func redisJob() string {
	return fmt.Sprintf(`{job_name: redis, static_configs: [{targets: ["127.0.0.1:%d"], labels: {namespace: money-bank, pod: bank-redis-0}}]}`, exporterPort)
}

// labelledJob is a job for targets whose series have their labels already.
func labelledJob(name, address string) string {
	return fmt.Sprintf("{job_name: %s, honor_labels: true, static_configs: [{targets: [%q]}]}", name, address)
}

// startPrometheus starts Prometheus with these jobs, and the Alertmanager that it notifies.
func (h *House) startPrometheus(jobs ...string) {
	h.Helper()
	listen, alertmanager := kit.FreeAddress(h), kit.FreeAddress(h)
	rules := kit.Write(h, h.folder+"/rules.yaml", h.compressed())
	config := kit.Write(h, h.folder+"/prometheus.yaml", fmt.Sprintf(`global: {scrape_interval: %s, evaluation_interval: 1s}
rule_files: [%q]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [%s]
`, max(h.scrape, time.Second), rules, alertmanager, strings.Join(jobs, ", ")))
	kit.Run(h, "promtool", "check", "config", config)
	receivers := kit.Write(h, h.folder+"/alertmanager.yaml", fmt.Sprintf(`route: {receiver: test, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: test, webhook_configs: [{url: %q, send_resolved: true}]}]
`, h.receiver.url))
	kit.Start(h, "alertmanager", nil, "prometheus-alertmanager", "--config.file="+receivers, "--storage.path="+h.folder+"/alertmanager",
		"--web.listen-address="+alertmanager, "--cluster.listen-address=")
	kit.Start(h, "prometheus", nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+h.folder+"/prometheus", "--web.listen-address="+listen,
		"--rules.alert.resend-delay=2s")
	h.prometheus = "http://" + listen
	for name, address := range map[string]string{"Prometheus": h.prometheus, "Alertmanager": "http://" + alertmanager} {
		kit.Eventually(h, name+" is ready", func() error { _, err := get(address + "/-/ready"); return err })
	}
}

// rules returns the rules of the chart's PrometheusRule.
func (h *House) rules() string {
	text, err := yaml.Marshal(kit.Find(h, h.objects, "PrometheusRule", "bank").Object["spec"])
	if err != nil {
		h.Fatal(err)
	}
	return string(text)
}

// YAML breaks long lines, also within an expression.
var durations = regexp.MustCompile(`(\[|offset\s+|for: )(\d+)([smhd])`)

// compressed returns the rules with every duration divided.
func (h *House) compressed() string { return h.shortened(h.rules()) }

// shortened divides every duration in a text.
func (h *House) shortened(text string) string {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return durations.ReplaceAllStringFunc(text, func(found string) string {
		parts := durations.FindStringSubmatch(found)
		number, _ := strconv.Atoi(parts[2])
		return fmt.Sprintf("%s%ds", parts[1], time.Duration(number)*units[parts[3]]/time.Second/time.Duration(max(h.compression, compression)))
	})
}

// query decodes the answer of Prometheus' API.
func (h *House) query(path string, parameters url.Values, into any) {
	h.Helper()
	text, err := get(h.prometheus + "/api/v1/" + path + "?" + parameters.Encode())
	if err != nil {
		h.Fatalf("%s %v: %v", path, parameters, err)
	}
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		h.Fatal(err)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		h.Fatal(err)
	}
}

// series lists all series that match.
func (h *House) series(match string) []map[string]string {
	h.Helper()
	var all []map[string]string
	h.query("series", url.Values{"match[]": {match}}, &all)
	return all
}

// samples counts the values of an expression since then.
func (h *House) samples(expression string, since time.Time) int {
	h.Helper()
	var answer struct {
		Result []struct{ Values []any }
	}
	step := max(time.Since(since)/50, time.Second)
	h.query("query_range", url.Values{"query": {expression}, "start": {fmt.Sprint(since.Unix())}, "end": {fmt.Sprint(time.Now().Unix())},
		"step": {fmt.Sprint(step.Seconds())}}, &answer)
	count := 0
	for _, series := range answer.Result {
		count += len(series.Values)
	}
	return count
}
