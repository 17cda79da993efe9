package observe

import (
	"fmt"
	"html"
	"math"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// plot is a part of the picture: lines of what Prometheus recorded.
type plot struct {
	title, unit string
	lines       []line
}

type line struct{ expression, label, colour string }

var plots = []plot{
	{"What became of operations", "a second", []line{
		{`sum(rate(bank_operations_total{outcome=~"done|replayed"}[10s]))`, "done", "#2a7f62"},
		{`sum(rate(bank_operations_total{outcome="refused"}[10s]))`, "refused", "#c08a1e"},
		{`sum(rate(bank_operations_total{outcome=~"none|failed"}[10s]))`, "nothing happened", "#c0392b"},
		{`sum(rate(bank_unknown_total[10s]))`, "unknown", "#7d3c98"},
	}},
	{"Time of a request, 99 %", "ms", []line{
		{`1000 * histogram_quantile(0.99, sum by (le) (rate(bank_request_duration_seconds_bucket{component!~"health|identity"}[10s])))`, "99 %", "#1f5f99"},
	}},
	{"Redis' memory", "% of maxmemory", []line{{`clamp_max(100 * redis_memory_used_bytes / redis_memory_max_bytes, 120)`, "used", "#1f5f99"}}},
}

const (
	left, width, height, gap = 60, 760, 90, 34
	rowHeight                = 14
)

type point struct{ at, value float64 }

// recorded returns the values of an expression, by the series' alert, if it has one.
func (h *House) recorded(expression string, from, to time.Time) map[string][]point {
	var answer struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
	h.query("query_range", url.Values{"query": {expression}, "start": {fmt.Sprint(from.Unix())}, "end": {fmt.Sprint(to.Unix())}, "step": {"1"}}, &answer)
	all := map[string][]point{}
	for _, series := range answer.Result {
		for _, pair := range series.Values {
			value, err := strconv.ParseFloat(fmt.Sprint(pair[1]), 64)
			if at, is := pair[0].(float64); is && err == nil && !math.IsNaN(value) {
				name := series.Metric["alertname"]
				all[name] = append(all[name], point{at - float64(from.Unix()), value})
			}
		}
	}
	return all
}

// picture draws what Prometheus recorded in this time, and which alerts fired when.
func (h *House) picture(from, to time.Time) string {
	seconds := to.Sub(from).Seconds()
	across := func(at float64) float64 { return left + at/seconds*width }
	var body strings.Builder
	y := 30.0
	for _, plot := range plots {
		y = h.draw(&body, plot, from, to, y, across)
	}
	alerts := h.recorded(`max by (alertname) (ALERTS{alertstate="firing", alertname!~".*(Slow|Steady)"})`, from, to)
	names := make([]string, 0, len(alerts))
	for name := range alerts {
		names = append(names, name)
	}
	sort.Slice(names, func(a, b int) bool { return alerts[names[a]][0].at < alerts[names[b]][0].at })
	fmt.Fprintf(&body, `<text x="%d" y="%.0f" class="title">Alerts that fire</text>`+"\n", left, y-8)
	for _, name := range names {
		for _, each := range alerts[name] {
			fmt.Fprintf(&body, `<rect x="%.1f" y="%.0f" width="%.1f" height="9" fill="#c0392b"/>`, across(each.at), y, 1.2*width/seconds)
		}
		fmt.Fprintf(&body, `<text x="%d" y="%.0f" class="small">%s</text>`+"\n", left+width+6, y+8, name)
		y += rowHeight
	}
	minutes := compression * seconds / 3600
	fmt.Fprintf(&body, `<text x="%d" y="%.0f" class="small">0</text><text x="%d" y="%.0f" class="small" text-anchor="end">%.0f s; by the rules, whose durations are divided by %d, %.1f hours</text>`+"\n",
		left, y+12, left+width, y+12, seconds, compression, minutes)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 %.0f" font-family="sans-serif">
<style>.title{font-size:13px;font-weight:bold}.small{font-size:10px;fill:#444}</style>
<rect width="100%%" height="100%%" fill="white"/>
%s</svg>
`, y+24, body.String())
}

// draw draws a plot at this height, and returns the height of the next.
func (h *House) draw(body *strings.Builder, plot plot, from, to time.Time, y float64, across func(float64) float64) float64 {
	lines := make([][]point, len(plot.lines))
	highest := 1.0
	for index, line := range plot.lines {
		lines[index] = h.recorded(line.expression, from, to)[""]
		for _, each := range lines[index] {
			highest = max(highest, each.value)
		}
	}
	fmt.Fprintf(body, `<text x="%d" y="%.0f" class="title">%s, %s</text>`+"\n", left, y-8, html.EscapeString(plot.title), plot.unit)
	fmt.Fprintf(body, `<rect x="%d" y="%.0f" width="%d" height="%d" fill="none" stroke="#ccc"/><text x="%d" y="%.0f" class="small" text-anchor="end">%.0f</text><text x="%d" y="%.0f" class="small" text-anchor="end">0</text>`+"\n",
		left, y, width, height, left-4, y+8, highest, left-4, y+height)
	for index, line := range plot.lines {
		points := slices.Clone(lines[index])
		var path strings.Builder
		last := -10.0
		for _, each := range points {
			// The line breaks where nothing was recorded.
			command := map[bool]string{true: "L", false: "M"}[each.at-last < 3]
			fmt.Fprintf(&path, "%s%.1f %.1f", command, across(each.at), y+height-each.value/highest*height)
			last = each.at
		}
		fmt.Fprintf(body, `<path d="%s" fill="none" stroke="%s" stroke-width="1.4"/><text x="%d" y="%.0f" class="small" style="fill:%s">%s</text>`+"\n",
			path.String(), line.colour, left+width+6, y+10+float64(index)*12, line.colour, html.EscapeString(line.label))
	}
	return y + height + gap
}
