package kit

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// exportRows is how many rows one read of an export asks for.
const exportRows = 1000

// exportTime is how long an export may take to be sent: a list of a million entries
// is longer than a page.
const exportTime = 10 * time.Minute

// File is an answer that is kept as a file, and sent while it is read.
type File struct {
	// Name is a plain word with an ending, Media its type.
	Name, Media string
	Send        func(context.Context, io.Writer) error
}

func (f File) write(v *Visit) {
	h := v.w.Header()
	h.Set("Content-Type", f.Media)
	h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
	h.Set("Cache-Control", "no-store")
	// The connection's own limit is for pages. One that has none, as in a test, does without.
	err := http.NewResponseController(v.w).SetWriteDeadline(v.s.o.Now().Add(exportTime))
	if err == nil || errors.Is(err, http.ErrNotSupported) {
		err = f.Send(v.Context(), v.w)
	}
	if err != nil {
		// The status is sent: only an answer that breaks off says that it is not whole.
		httpx.Report(v.Context(), err)
		v.s.o.Log.ErrorContext(v.Context(), "export broken off", slog.String("file", f.Name), slog.Any("error", err))
		panic(http.ErrAbortHandler)
	}
}

// export answers with everything that the filters select, in the list's order:
// comma-separated values of what the columns show, or JSON lines of the things
// themselves, as the management API has them.
func (l *List[T]) export(q Query, format string) (Answer, error) {
	q.After, q.Limit = "", exportRows
	rows := func(ctx context.Context, each func(T) error) error {
		for {
			page, next, err := l.Fetch(ctx, q)
			if err != nil {
				return err
			}
			for _, row := range page {
				if err := each(row); err != nil {
					return err
				}
			}
			if next == "" {
				return nil
			}
			q.After = next
		}
	}
	switch format {
	case "csv":
		return File{l.Name + ".csv", "text/csv; charset=utf-8; header=present", func(ctx context.Context, w io.Writer) error { return l.csv(ctx, w, rows) }}, nil
	case "jsonl":
		return File{l.Name + ".jsonl", "application/jsonl", func(ctx context.Context, w io.Writer) error {
			enc := json.NewEncoder(w)
			return rows(ctx, func(row T) error { return enc.Encode(row) })
		}}, nil
	}
	return nil, fault.New(fault.Invalid, "parameter_invalid", "the formats are csv and jsonl").At(formatParameter)
}

func (l *List[T]) csv(ctx context.Context, w io.Writer, rows func(context.Context, func(T) error) error) error {
	out := httpx.NewCSV(w)
	cells := make([]string, len(l.Columns))
	for i, c := range l.Columns {
		cells[i] = c.Name
	}
	if err := out.Write(cells...); err != nil {
		return err
	}
	err := rows(ctx, func(row T) error {
		for i, c := range l.Columns {
			cells[i] = c.Cell(row).plain()
		}
		return out.Write(cells...)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
