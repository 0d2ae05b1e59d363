package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Waiting keeps changes that wait for a second person: admin.Service.
type Waiting interface {
	// Needed reports whether this operation of this principal waits.
	Needed(operation string, by admin.Principal) bool
	// Request makes it wait.
	Request(ctx context.Context, what admin.Operation, by admin.Principal, actor identity.Actor) (admin.Change, error)
}

// wait asks for a second person instead of doing the operation.
func (e *Engine) wait(r *http.Request, rt *Route) (answer, error) {
	if rt.Hits != nil {
		// What cannot be done is refused now, not when somebody has approved it.
		if _, err := rt.Hits(r); err != nil {
			return answer{}, err
		}
	}
	if rt.Before != nil {
		unlock, err := e.o.Lock(r.Context(), "wait:"+rt.ID+":"+strings.Join(rt.given(r), "/"))
		if err != nil {
			return answer{}, err
		}
		defer unlock()
		if err := rt.Before(r); err != nil {
			return answer{}, err
		}
	}
	who := CallerOf(r)
	what := admin.Operation{
		Name: rt.ID, Values: map[string]string{}, Query: r.URL.RawQuery, Body: string(who.body), Media: r.Header.Get("Content-Type"),
		IfMatch: strings.Join(r.Header.Values("If-Match"), ", "),
	}
	for _, name := range rt.values() {
		what.Values[name] = r.PathValue(name)
	}
	if rt.Hide != nil {
		body, err := rt.Hide(r)
		if err != nil {
			return answer{}, err
		}
		what.Body, what.Media = string(body), "application/json"
	}
	change, err := e.o.Waiting.Request(r.Context(), what, who.Principal, who.Actor)
	if err != nil {
		return answer{}, err
	}
	body, err := json.Marshal(change)
	if err != nil {
		return answer{}, fmt.Errorf("encode the change: %w", err)
	}
	return answer{Status: http.StatusAccepted, Body: body, Location: "/changes/" + change.ID}, nil
}

// errOperation is returned for an operation that the table does not have.
var errOperation = fault.New(fault.NotFound, "operation_not_found", "there is no such operation")

// Permits fails with admin.ErrForbidden unless p may do the operation.
func (e *Engine) Permits(ctx context.Context, what admin.Operation, p admin.Principal) error {
	rt := e.operation(what.Name)
	if rt == nil {
		return errOperation
	}
	return e.permit(ctx, rt, p, what.Values["name"])
}

// Execute does an operation that waited, as who asked for it.
func (e *Engine) Execute(ctx context.Context, what admin.Operation, by admin.Principal, actor identity.Actor) error {
	rt := e.operation(what.Name)
	if rt == nil {
		return errOperation
	}
	r, err := e.request(ctx, rt, what)
	if err != nil {
		return err
	}
	if r, err = e.admit(r, rt, by); err != nil {
		return err
	}
	c := CallerOf(r)
	c.Actor = actor
	r = with(r, c)
	unlock, err := e.guard(r, rt)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = rt.do(r)
	return err
}

// Call does an operation for a page, within its request, exactly as over HTTP: with
// the same rights, checks and four eyes. The answer is JSON, empty for 204.
func (e *Engine) Call(page *http.Request, what admin.Operation, by admin.Principal) (status int, body []byte, err error) {
	return e.call(page, what, nil, by)
}

// Send is Call for an operation that reads its body as it comes, here from in.
func (e *Engine) Send(page *http.Request, what admin.Operation, in io.Reader, by admin.Principal) (status int, body []byte, err error) {
	if rt := e.operation(what.Name); rt == nil || !rt.Receives {
		return 0, nil, errOperation
	}
	return e.call(page, what, in, by)
}

func (e *Engine) call(page *http.Request, what admin.Operation, in io.Reader, by admin.Principal) (status int, body []byte, err error) {
	rt := e.operation(what.Name)
	if rt == nil {
		return 0, nil, errOperation
	}
	r, err := e.request(page.Context(), rt, what)
	if err != nil {
		return 0, nil, err
	}
	if in != nil {
		r = httpx.Within(r, in)
	}
	r.RemoteAddr = page.RemoteAddr
	if r, err = e.admit(r, rt, by); err != nil {
		return 0, nil, err
	}
	a, err := e.perform(r, rt)
	return a.Status, a.Body, err
}

// request makes an operation a request again.
func (e *Engine) request(ctx context.Context, rt *Route, what admin.Operation) (*http.Request, error) {
	path := inPath.ReplaceAllStringFunc(rt.Path, func(name string) string { return url.PathEscape(what.Values[strings.Trim(name, "{}")]) })
	r, err := http.NewRequestWithContext(ctx, rt.Method, Prefix+path, io.NopCloser(bytes.NewReader([]byte(what.Body))))
	if err != nil {
		return nil, fmt.Errorf("operation %s: %w", rt.ID, err)
	}
	r.URL.RawQuery = what.Query
	r.ContentLength = int64(len(what.Body))
	if what.Media != "" {
		r.Header.Set("Content-Type", what.Media)
	}
	if what.IfMatch != "" {
		r.Header.Set("If-Match", what.IfMatch)
	}
	for _, name := range rt.values() {
		r.SetPathValue(name, what.Values[name])
	}
	return r, nil
}
