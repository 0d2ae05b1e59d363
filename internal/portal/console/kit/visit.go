package kit

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Visit is one request of somebody who may make it.
type Visit struct {
	s       *Server
	w       http.ResponseWriter
	Request *http.Request
	rule    Rule
	// Person is who visits, and Who what they may do.
	Person directory.Person
	Who    admin.Principal
	// Query is what stands in the URL, Form what a POST brought.
	Query, Form url.Values
	incoming    *incoming
}

// Answer is what a handler gives back: a View, a Redirect, a File, Away, or what a List answers.
type Answer interface {
	write(v *Visit)
}

// View is a page.
type View struct {
	Status int // 0 is 200
	Title  ui.Text
	// Crumbs lead up from the page.
	Crumbs []ui.Link
	// Notice is said above the page; without one it is what the address has the code of.
	Notice *ui.Notice
	// Template is the name of a template's file without its ending, and Data what it gets.
	Template string
	Data     any
}

func (p View) write(v *Visit) {
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	if p.Notice == nil {
		p.Notice = v.s.notice(v.Query.Get(NoticeParameter))
	}
	v.s.o.UI.Render(v.w, v.Request, p.Status, ui.Page{
		Title: p.Title, Template: v.s.templates[p.Template], Data: p.Data, SignedIn: cmp.Or(v.Person.Profile.Email, NameOf(v.Person)), Admin: true, Area: ui.Admin,
		Crumbs: p.Crumbs, Side: v.navigation(), Notice: p.Notice, Live: true,
	})
}

// Crumbs are the way up to a list: to is below Base.
func (v *Visit) Crumbs(text ui.Text, to string) []ui.Link {
	return []ui.Link{{Text: text, Href: v.Path(to)}}
}

// Redirect leads on after a change, with the code of a notice.
type Redirect struct {
	To     string // below Base
	Notice string
	Query  url.Values
}

func (d Redirect) write(v *Visit) {
	params := url.Values{}
	for name := range d.Query {
		params.Set(name, d.Query.Get(name))
	}
	if d.Notice != "" {
		params.Set(NoticeParameter, d.Notice)
	}
	to := v.Path(d.To)
	if len(params) > 0 {
		to += "?" + params.Encode()
	}
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
}

// Context is that of the request.
func (v *Visit) Context() context.Context { return v.Request.Context() }

// PathValue is what the request has in a place of its rule's path.
func (v *Visit) PathValue(place string) string { return v.Request.PathValue(place) }

// Away leads to an address that is not of the console.
type Away struct{ To string }

func (a Away) write(v *Visit) { http.Redirect(v.w, v.Request, a.To, http.StatusSeeOther) }

// Path is where something of the console is, with the prefix; local is below Base.
func (v *Visit) Path(local string) string { return v.s.o.Path(local) }

// Say is what a page says of a refusal, in the visitor's language.
func (v *Visit) Say(err error) ui.Text { return v.s.o.UI.Say(v.Request, err) }

// Exports reports whether a list is asked for as a file.
func (v *Visit) Exports() bool { return v.Query.Get(formatParameter) != "" }

// Seen is what the form says was shown before, for an Act that asks by itself: its page
// brought it as the hidden field "seen".
func (v *Visit) Seen() string { return v.Form.Get(seenField) }

// File is the text of the file that the form of an Upload brought as the field "file";
// empty for none.
func (v *Visit) File() string { return v.Form.Get(fileField) }

// Incoming is the file that the form of a rule that Receives brings, as it comes: nil for
// none.
func (v *Visit) Incoming() io.Reader {
	if v.incoming == nil {
		return nil
	}
	return v.incoming
}
