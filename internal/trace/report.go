package trace

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Report is the trace as pages show it.
func (t Trace) Report() ui.Report {
	r := ui.Report{Checks: t.Checks, Named: t.Groups, Document: t.Document}
	for _, m := range t.Mapping {
		r.Mapping = append(r.Mapping, ui.ReportField(m))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		text, ok := t.Attributes[name].(string)
		if !ok {
			raw, err := json.Marshal(t.Attributes[name])
			if err != nil {
				continue // it came out of JSON
			}
			text = string(raw)
		}
		r.Attributes = append(r.Attributes, ui.ReportValue{Name: name, Value: text})
	}
	if len(r.Attributes) > 0 {
		r.Document = "" // the attributes say it all
	}
	return r
}
