package ui

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults that have a page of their own.
var (
	errMissing = fault.New(fault.NotFound, "page_not_found", "there is no such page; the address may be mistyped, or what was here has gone")
	errForeign = fault.New(fault.Denied, "cross_origin", "another site sent this form, so nothing was done; begin again here")
)

// SameOrigin refuses forms that another site sends, with a page that says so.
func (u *UI) SameOrigin() *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.Error(w, r, errForeign) }))
	return p
}

// Serve serves mux, and a page where it has nothing. A method that a path does not
// take is answered as mux does, with Allow.
func (u *UI) Serve(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern == "" {
			answer := &only{header: http.Header{}}
			if h.ServeHTTP(answer, r); answer.status == http.StatusNotFound {
				u.Error(w, r, errMissing)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// only finds out what status a handler answers with.
type only struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (o *only) Header() http.Header { return o.header }

// WriteHeader implements http.ResponseWriter.
func (o *only) WriteHeader(status int) { o.status = status }

// Write implements http.ResponseWriter.
func (o *only) Write(b []byte) (int, error) { return len(b), nil }
