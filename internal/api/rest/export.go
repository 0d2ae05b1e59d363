package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// exportPage is how many items an export reads at a time.
const exportPage = 500

// exportTime is how long a client may take for one such page.
const exportTime = time.Minute

// format is how the list of this request is to be written.
func format(r *http.Request) string {
	if f := QueryOf(r).Get("format"); f != "" {
		return f
	}
	for one := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch media, _, _ := mime.ParseMediaType(one); media {
		case "text/csv":
			return "csv"
		case "application/jsonl", "application/x-ndjson":
			return "jsonl"
		case "application/json", "*/*":
			return "json"
		}
	}
	return "json"
}

// export writes a whole list as it is read. When it fails on the way, the
// connection is cut, so that nobody takes a part for the whole.
func (e *Engine) export(w http.ResponseWriter, r *http.Request, rt *Route) {
	l, q := rt.List, QueryOf(r)
	most := q.Limit
	if q.Get("limit") == "" {
		most = -1
	}
	q.Limit = exportPage
	if most >= 0 {
		q.Limit = min(most, exportPage)
	}
	items, next, err := l.page(r, q)
	if err != nil {
		e.refuse(w, r, rt, err)
		return
	}
	media, end := "application/jsonl", "jsonl"
	if format(r) == "csv" {
		media, end = "text/csv; charset=utf-8; header=present", "csv"
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+rt.ID+"."+end+`"`)
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	out, control := l.writer(w, end), http.NewResponseController(w)
	for {
		// The connection's own limit is for answers of a known size, and counts real
		// time. One that has no deadline, as in a test, does without.
		if err := control.SetWriteDeadline(time.Now().Add(exportTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			panic(http.ErrAbortHandler)
		}
		if err := out(items); err != nil {
			panic(http.ErrAbortHandler)
		}
		if most >= 0 {
			most -= len(items)
			q.Limit = min(most, exportPage)
		}
		if next == "" || most == 0 {
			return
		}
		q.After = next
		if items, next, err = l.page(r, q); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// stream writes an answer as it is made.
func (e *Engine) stream(w http.ResponseWriter, r *http.Request, rt *Route) {
	send, err := rt.Send(r)
	if err != nil {
		e.refuse(w, r, rt, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", rt.Streams)
	h.Set("Content-Disposition", `attachment; filename="`+rt.ID+`.jsonl"`)
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	if err := send(&patient{w, http.NewResponseController(w)}); err != nil {
		httpx.Report(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
}

// patient writes to somebody who may take their time for each part.
type patient struct {
	to      io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(part []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(exportTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("write: %w", err)
	}
	return p.to.Write(part)
}

// writer returns what writes items.
func (l *List) writer(w io.Writer, format string) func([]any) error {
	if format == "jsonl" {
		enc := json.NewEncoder(w)
		return func(items []any) error {
			for _, item := range items {
				if err := enc.Encode(item); err != nil {
					return fmt.Errorf("export: %w", err)
				}
			}
			return nil
		}
	}
	out, begun := httpx.NewCSV(w), false
	return func(items []any) error {
		if !begun {
			begun = true
			if err := out.Write(l.columns...); err != nil {
				return err
			}
		}
		for _, item := range items {
			row, err := l.row(item)
			if err == nil {
				err = out.Write(row...)
			}
			if err != nil {
				return err
			}
		}
		return out.Flush()
	}
}

// row is an item as CSV.
func (l *List) row(item any) ([]string, error) {
	raw, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	row := make([]string, len(l.columns))
	for i, c := range l.columns {
		row[i] = cell(members, strings.Split(c, "."))
	}
	return row, nil
}

// cell is a nested member as text; lists are joined by single spaces.
func cell(v any, path []string) string {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		all := make([]string, len(v))
		for i, one := range v {
			all[i] = cell(one, nil)
		}
		return strings.Join(all, " ")
	case map[string]any:
		raw, _ := json.Marshal(v) // it came out of JSON
		return string(raw)
	default:
		return fmt.Sprint(v)
	}
}
