package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// The states of an import between which something goes on with it, and the one in which
// it can be applied.
const (
	Checked  = "checked"
	checking = "checking"
	applying = "applying"
)

// Import is what is shown of an import.
type Import struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Lines  int    `json:"lines"`
	Looked int    `json:"looked"`
	Counts []struct {
		Kind      string `json:"kind"`
		Created   int    `json:"created"`
		Changed   int    `json:"changed"`
		Unchanged int    `json:"unchanged"`
		Refused   int    `json:"refused"`
	} `json:"counts"`
	Notes []struct {
		Code     string   `json:"code"`
		Count    int      `json:"count"`
		Examples []string `json:"examples"`
	} `json:"notes"`
	Fault *Fault `json:"fault"`
	// Raw is the whole answer.
	Raw []byte `json:"-"`
}

// Fault is why a line, or all of an import, is refused.
type Fault struct {
	Line    int    `json:"line"`
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Refused is how many lines are refused.
func (i Import) Refused() (n int) {
	for _, c := range i.Counts {
		n += c.Refused
	}
	return n
}

// Failed is the failure of an import that is refused or stopped, or that waits since
// lines of it are refused.
func (i Import) Failed() error {
	switch {
	case i.Fault != nil:
		return &Error{Exit: Failure, Code: i.Fault.Code, Text: fmt.Sprintf("the import is %s: %s (%s)", i.State, strings.TrimPrefix(i.Fault.Pointer+": "+i.Fault.Detail, ": "), i.Fault.Code)}
	case i.Refused() > 0 && i.State == Checked:
		return &Error{Exit: Failure, Text: fmt.Sprintf("%d lines are refused: put them right, or apply the others with --skip-refused", i.Refused())}
	}
	return nil
}

// Send sends what body has, however long that takes, and returns the answer.
func (c *Client) Send(ctx context.Context, r Request, body io.Reader) ([]byte, error) {
	target := c.base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	req.Header.Set("Content-Type", r.Media)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.exportClient.Do(req)
	if err != nil {
		return nil, c.lost(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	if err != nil {
		return nil, c.lost(err)
	}
	return answer, refused(res, answer)
}

// followEvery is how often a broker is asked how far an import is.
const followEvery = 500 * time.Millisecond

// Follow asks for an import until nothing goes on with it, and tells a terminal, nil for
// nobody, how far it is. It fails once ctx ends; the import goes on.
func (c *Client) Follow(ctx context.Context, answer []byte, terminal io.Writer) (Import, error) {
	for {
		i := Import{Raw: answer}
		if err := json.Unmarshal(answer, &i); err != nil {
			return i, unreadable(err)
		}
		going := i.State == checking || i.State == applying
		if terminal != nil && i.Lines > 0 {
			_, _ = fmt.Fprintf(terminal, "\r%s: %d of %d lines", i.State, i.Looked, i.Lines) // a terminal that is gone needs no news
			if !going {
				_, _ = fmt.Fprintln(terminal)
			}
		}
		if !going {
			return i, nil
		}
		next := time.NewTimer(followEvery)
		select {
		case <-ctx.Done():
			next.Stop()
			return i, fmt.Errorf("follow the import: %w", ctx.Err())
		case <-next.C:
		}
		var err error
		if _, answer, err = c.Do(ctx, Request{Method: http.MethodGet, Path: "/imports/" + url.PathEscape(i.ID)}); err != nil {
			return i, err
		}
	}
}

// mostFaults is how many refused lines are shown.
const mostFaults = 20

// Faults returns the first lines of an import that are refused.
func (c *Client) Faults(ctx context.Context, i Import) ([]Fault, error) {
	if i.Refused() == 0 {
		return nil, nil
	}
	_, answer, err := c.Do(ctx, Request{Method: http.MethodGet, Path: "/imports/" + url.PathEscape(i.ID) + "/faults", Query: url.Values{"limit": {strconv.Itoa(mostFaults)}}})
	if err != nil {
		return nil, err
	}
	var page struct {
		Items []Fault `json:"items"`
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return nil, unreadable(err)
	}
	return page.Items, nil
}

// PrintImport writes what becomes, or became, of the lines of an import.
func PrintImport(w io.Writer, i Import, faults []Fault) error {
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	if len(i.Counts) > 0 {
		_, _ = fmt.Fprintln(table, "KIND\tCREATED\tCHANGED\tUNCHANGED\tREFUSED") // a buffer takes everything
	}
	for _, n := range i.Counts {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", named(n.Kind), n.Created, n.Changed, n.Unchanged, n.Refused)
	}
	_ = table.Flush()
	for _, n := range i.Notes {
		_, _ = fmt.Fprintf(&out, "not taken: %s: %d", n.Code, n.Count)
		if len(n.Examples) > 0 {
			_, _ = fmt.Fprintf(&out, ", such as %s", strings.Join(n.Examples, ", "))
		}
		_, _ = fmt.Fprintln(&out)
	}
	for _, f := range faults {
		_, _ = fmt.Fprintf(&out, "line %d %s: %s (%s)\n", f.Line, f.Pointer, f.Detail, f.Code)
	}
	if more := i.Refused() - len(faults); more > 0 {
		_, _ = fmt.Fprintf(&out, "and %d more lines: broker directory faults %s\n", more, i.ID)
	}
	if i.State == Checked {
		_, _ = fmt.Fprintf(&out, "Nothing is changed yet: broker directory apply %s\n", i.ID)
	}
	return flush(w, &out)
}

// named is a kind of line, of one that cannot be read "-".
func named(kind string) string {
	if kind == "" {
		return "-"
	}
	return kind
}
