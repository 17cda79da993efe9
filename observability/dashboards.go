package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// page is a dashboard: panels in two columns.
type page struct {
	uid, title, about string
	panels            []panel
}

// panel shows what its queries give, each with its legend.
type panel struct {
	title, unit string
	about       string
	queries     []query
}

type query struct{ expr, legend string }

// one makes a panel with one query.
func one(title, unit, about, expr, legend string) panel {
	return panel{title, unit, about, []query{{expr, legend}}}
}

// built returns the dashboard as Grafana reads it.
func (p page) built() ([]byte, error) {
	builder := dashboard.NewDashboardBuilder("Money Bank / "+p.title).Uid("money-bank-"+p.uid).Description(p.about).
		Tags([]string{"money-bank"}).Refresh("30s").Time("now-6h", "now").Timezone(common.TimeZoneBrowser).Readonly().
		WithVariable(source("prometheus", "Prometheus")).WithVariable(source("loki", "Logs")).WithVariable(source("tempo", "Traces")).
		WithVariable(choice("namespace", "Namespace", "label_values(bank_requests_total, namespace)")).
		WithVariable(choice("store", "Store", `label_values(bank_requests_total{namespace=~"$namespace"}, store)`)).
		// The release's name, or Spin's own.
		WithVariable(choice("service", "Service", `label_values(bank_spans_calls_total{namespace=~"$namespace"}, service_name)`)).
		Link(dashboard.NewDashboardLinkBuilder("Money Bank").Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{"money-bank"}).IncludeVars(true).KeepTime(true))
	for _, panel := range p.panels {
		builder.WithPanel(panel.built())
	}
	built, err := builder.Build()
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(built, "", "  ")
}

func (p panel) built() *timeseries.PanelBuilder {
	builder := timeseries.NewPanelBuilder().Title(p.title).Description(p.about).Unit(p.unit).Min(0).Height(8).Span(12).FillOpacity(10).
		Datasource(reference("prometheus")).Links([]cog.Builder[dashboard.DashboardLink]{
		explore("Logs", "loki", map[string]any{"refId": "A", "expr": `{k8s_namespace_name=~"${namespace:regex}"}`}),
		explore("Traces", "tempo", map[string]any{"refId": "A", "queryType": "traceql", "query": `{resource.service.name=~"${service:regex}"}`}),
	})
	for _, query := range p.queries {
		builder.WithTarget(prometheus.NewDataqueryBuilder().Datasource(reference("prometheus")).Expr(query.expr).LegendFormat(query.legend).Range())
	}
	return builder
}

// explore links to the logs or traces of the time that the panel shows.
func explore(title, kind string, query map[string]any) *dashboard.DashboardLinkBuilder {
	query["datasource"] = map[string]any{"uid": "${" + kind + "}"}
	panes, _ := json.Marshal(map[string]any{"a": map[string]any{"datasource": "${" + kind + "}", "queries": []any{query},
		"range": map[string]any{"from": "${__from}", "to": "${__to}"}}})
	// Grafana replaces variables only in text that is not escaped.
	text := strings.NewReplacer("%24", "$", "%7B", "{", "%3A", ":", "%7D", "}").Replace(url.QueryEscape(string(panes)))
	return dashboard.NewDashboardLinkBuilder(title).Type(dashboard.DashboardLinkTypeLink).Url("/explore?schemaVersion=1&orgId=1&panes=" + text).TargetBlank(true)
}

func reference(kind string) common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr(kind), Uid: cog.ToPtr("${" + kind + "}")}
}

func source(kind, label string) *dashboard.DatasourceVariableBuilder {
	return dashboard.NewDatasourceVariableBuilder(kind).Label(label).Type(kind)
}

// everything is the value that Grafana uses for "All". Loki refuses a query all of whose matchers can match the empty string (`.*`). In a link's
// address, where the text is not escaped, a plus (`.+`) would be read as a space.
const everything = "..*"

func choice(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Query(dashboard.StringOrMap{String: cog.ToPtr(query)}).
		Datasource(reference("prometheus")).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Multi(true).IncludeAll(true).AllValue(everything)
}

// rate is how much a counter grows per second, by these labels.
func rate(by, counter string, matchers ...string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s{%s}[$__rate_interval]))", by, counter, where(matchers...))
}

// where matches the namespaces and stores that the reader has selected.
func where(matchers ...string) string {
	return strings.Join(append([]string{`namespace=~"$namespace"`, `store=~"$store"`}, matchers...), ", ")
}

// inside does the same for series without a store.
const inside = `namespace=~"$namespace"`

// quantile is the time within which this share of requests was answered.
func quantile(part float64, by string, matchers ...string) string {
	return fmt.Sprintf("histogram_quantile(%g, sum by (le%s) (rate(bank_request_duration_seconds_bucket{%s}[$__rate_interval])))", part, by, where(matchers...))
}

// alive restricts a gauge to pods that have answered requests within five minutes, as each probed pod has. The Collector exports the last
// value of a pod for a day after it has gone. So does a Collector to which the pod sent before it sent to another.
func alive(gauge string) string {
	return fmt.Sprintf(`%s{%s} and on (namespace, pod, instance) increase(http_server_request_duration_seconds_count{%s}[5m]) > 0`, gauge, inside, inside)
}

// changed restricts a gauge of breakers to those that have changed within five minutes: an instance that has ended reports nothing more.
// `increase` does not count the first value of a series.
func changed(gauge string) string {
	changes := fmt.Sprintf(`bank_breaker_changes_total{%s}`, where())
	return fmt.Sprintf(`%s{%s} and on (namespace, component, pod, instance) (increase(%s[5m]) > 0 or %s unless %s offset 5m)`, gauge, where(), changes, changes, changes)
}
