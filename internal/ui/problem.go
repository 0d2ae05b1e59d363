package ui

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// Error shows what went wrong, what is missing and who can fix it. Of an error
// that is not a fault it says only that it is ours; the cause is in the log.
func (u *UI) Error(w http.ResponseWriter, r *http.Request, err error, links ...Link) {
	u.Failure(w, r, err, "", links...)
}

// Failure is Error with a code by which an administrator finds out why; empty for none.
func (u *UI) Failure(w http.ResponseWriter, r *http.Request, err error, reference string, links ...Link) {
	f, status := fault.As(err), httpx.Status(err)
	httpx.Report(r.Context(), err)
	if status >= http.StatusInternalServerError {
		u.o.Log.ErrorContext(r.Context(), "request failed", slog.String("code", f.Code), slog.Any("error", err))
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.TooMany {
		w.Header().Set("Retry-After", httpx.RetryAfter(err))
	}
	if len(links) == 0 {
		links = []Link{{Text: T("My apps"), Href: u.o.Prefix + "/"}}
	}
	u.Render(w, r, status, Page{Title: titleOf(f.Kind), Template: u.failure, Data: map[string]any{
		"Detail": u.detail(f, choose(r)), "Request": httpx.RequestID(r.Context()), "Links": links, "Code": f.Code, "Reference": reference,
	}})
}

// Say is what a page says of a refusal in the language of r, where the page itself
// goes on, such as a form with a fault in it.
func (u *UI) Say(r *http.Request, err error) Text { return Plain(u.detail(fault.As(err), choose(r))) }

// detail is what a page says of a fault: its own English sentence, or the one that
// the other language has for its code, for what its code begins with, or for its kind.
func (u *UI) detail(f *fault.Error, i int) string {
	if i == 0 {
		return sentence(f.Detail)
	}
	if s, ok := u.texts.Faults[f.Code]; ok {
		return s
	}
	family, _, _ := strings.Cut(f.Code, "_") // of checks that nobody can do anything about
	if s, ok := u.texts.Faults[family]; ok {
		return s
	}
	return u.texts.Faults[f.Kind.String()]
}

func titleOf(k fault.Kind) Text {
	switch k {
	case fault.Invalid:
		return T("That request does not work")
	case fault.Unauthenticated:
		return T("Sign in first")
	case fault.Denied:
		return T("You may not do that")
	case fault.NotFound:
		return T("There is nothing here")
	case fault.Conflict:
		return T("That is no longer so")
	case fault.TooMany:
		return T("Too many tries")
	case fault.Unavailable:
		return T("Try again in a moment")
	case fault.Internal:
	}
	return T("Something went wrong")
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
