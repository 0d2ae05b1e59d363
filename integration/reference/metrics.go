package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	helpLine  = regexp.MustCompile(`(?m)^# HELP (gatehouse_\S+) (.*)$`)
	typeLine  = regexp.MustCompile(`(?m)^# TYPE (gatehouse_\S+) (\S+)$`)
	labelPart = regexp.MustCompile(`(?m)^(gatehouse_[a-z_]+?)(?:_bucket|_count|_sum)?\{([^}]*)\}`)
	labelName = regexp.MustCompile(`([a-z_]+)="`)
)

// metrics lists what a broker tells Prometheus once it has done some work.
func metrics(ctx context.Context, b *broker) (string, error) {
	if err := b.demo.Check(ctx, io.Discard); err != nil { // counters appear with their first count
		return "", err
	}
	body, err := b.read(ctx, "/metrics", false)
	if err != nil {
		return "", err
	}
	text := string(body)
	kinds, labels := map[string]string{}, map[string][]string{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		kinds[m[1]] = m[2]
	}
	for _, m := range labelPart.FindAllStringSubmatch(text, -1) {
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" && !slices.Contains(labels[m[1]], "`"+l[1]+"`") {
				labels[m[1]] = append(labels[m[1]], "`"+l[1]+"`")
			}
		}
	}
	about := map[string]string{}
	for _, m := range helpLine.FindAllStringSubmatch(text, -1) {
		about[m[1]] = m[2]
	}
	var out strings.Builder
	out.WriteString("# Metrics\n\n" + generated +
		"`/metrics` in Prometheus' format, with Go's and the process' own beside these. Labels have few values: none is a person, an address or\n" +
		"anything else that a request brings. A gauge that cannot be told is `NaN`. [Alerts](../../deploy/prometheus/alerts.yaml) and a\n" +
		"[dashboard](../../deploy/grafana/gatehouse.json) come with the product.\n\n| metric | kind | labels | what it tells |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(about)) {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", name, kinds[name], strings.Join(labels[name], ", "), about[name])
	}
	return out.String(), nil
}
