package console

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// visit is one request of somebody who may make it.
type visit struct {
	c      *Console
	w      http.ResponseWriter
	r      *http.Request
	rule   rule
	person directory.Person
	who    admin.Principal
	// query is what stands in the URL, form what a POST brought.
	query, form url.Values
}

// answer is what a handler gives back: a view, a redirect or a file.
type answer interface {
	write(v *visit)
}

// view is a page.
type view struct {
	status int // 0 is 200
	title  ui.Text
	// crumbs lead up from the page.
	crumbs []ui.Link
	// notice is said above the page; without one it is what the address has the code of.
	notice *ui.Notice
	// template is the name of one of ours, and data what it gets.
	template string
	data     any
}

func (p view) write(v *visit) {
	if p.status == 0 {
		p.status = http.StatusOK
	}
	if p.notice == nil {
		p.notice = notice(v.query.Get(noticeParameter))
	}
	v.c.o.UI.Render(v.w, v.r, p.status, ui.Page{
		Title: p.title, Template: v.c.templates[p.template], Data: p.data, SignedIn: cmp.Or(v.person.Profile.Email, nameOf(v.person)), Admin: true, Area: ui.Admin,
		Crumbs: p.crumbs, Side: v.side(), Notice: p.notice, Live: true,
	})
}

// crumbs are the way up to a list: to is below base.
func (v *visit) crumbs(text ui.Text, to string) []ui.Link {
	return []ui.Link{{Text: text, Href: v.c.path(to)}}
}

// side is the console's navigation: what whoever visits may look at.
func (v *visit) side() []ui.Nav {
	var all []ui.Nav
	for _, n := range []struct {
		path, icon string
		text       ui.Text
	}{
		{"", "home", ui.T("Overview")},
		{"/apps", "apps", ui.T("Apps")},
		{"/connections", "link", ui.T("Connections")},
		{"/traces", "alert", ui.T("Failed sign-ins")},
		{"/people", "people", ui.T("People")},
		{"/groups", "group", ui.T("Groups")},
		{"/sessions", "device", ui.T("Sessions")},
		{"/exchanges", "arrow", ui.T("Exchanged tokens")},
		{"/keys", "key", ui.T("Keys")},
		{"/audit", "audit", ui.T("Audit log")},
		{"/operations", "queue", ui.T("Operations")},
		{"/roles", "shield", ui.T("Roles")},
		{"/tokens", "tag", ui.T("API tokens")},
		{"/changes", "check", ui.T("Changes")},
	} {
		if !v.may(v.c.rule(n.path), "", "") {
			continue
		}
		here := strings.TrimPrefix(v.rule.path, n.path)
		current := n.path != "" && here != v.rule.path && (here == "" || here[0] == '/') || v.rule.path == n.path || n.path == "/apps" && v.rule.path == "/new-app" || n.path == "/connections" && v.rule.path == "/new-connection" || n.path == "/groups" && v.rule.path == "/map-group" ||
			n.path == "/exchanges" && (v.rule.path == "/explain-exchange" || strings.HasPrefix(v.rule.path, "/revo"))
		all = append(all, ui.Nav{Text: n.text, Href: base + n.path, Icon: n.icon, Current: current})
	}
	return all
}

// redirect leads on after a change, with the code of a notice.
type redirect struct {
	to     string // below base
	notice string
	query  url.Values
}

func (d redirect) write(v *visit) {
	params := url.Values{}
	for name := range d.query {
		params.Set(name, d.query.Get(name))
	}
	if d.notice != "" {
		params.Set(noticeParameter, d.notice)
	}
	to := v.c.path(d.to)
	if len(params) > 0 {
		to += "?" + params.Encode()
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}
