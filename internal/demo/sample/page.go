package sample

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"

	"golang.org/x/oauth2"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// view is what an app's page shows.
type view struct {
	App        Options
	Visitor    *visitor
	CanRefresh bool
	Bye        bool
	Problem    string
	Note       string
	// Run offers a button that starts a job; Result is what the last run brought.
	Run    bool
	Result string
	// Calls offers a button that calls an API in the visitor's name.
	Calls bool
	// Listens shows the signals that came.
	Listens bool
	Signals []Signal
}

func (a *App) render(w http.ResponseWriter, status int, v view) {
	v.App, v.Calls = a.o, a.calls
	render(w, status, v)
}

// fail shows what went wrong, with the broker's own words where it answered.
func (a *App) fail(w http.ResponseWriter, status int, err error) {
	a.render(w, status, view{Problem: explain(err)})
}

func explain(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode != "" {
		return "The broker refused: " + refused.ErrorCode + ": " + refused.ErrorDescription
	}
	return err.Error()
}

func render(w http.ResponseWriter, status int, v view) { write(w, status, page, v) }

func write(w http.ResponseWriter, status int, t *template.Template, v any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = t.Execute(w, v) // the peer has gone: nobody is left to tell
}
