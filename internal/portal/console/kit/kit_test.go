package kit

import (
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// TestAPageWithoutARightCannotExist and other slips of a table that no server is made of.
func TestAPageWithoutARightCannotExist(t *testing.T) {
	show := func(*Visit) (Answer, error) { return View{}, nil }
	ask := func(*Visit) (Confirmation, error) { return Confirmation{}, nil }
	good := Rule{Path: "/a", Right: admin.ReadApps, Show: show}
	said := map[string]ui.Text{"done": ui.Plain("Done")}
	page := func(name string) fstest.MapFS {
		return fstest.MapFS{name: {Data: []byte(`{{define "body"}}{{end}}`)}}
	}
	for name, c := range map[string]struct {
		parts []Part
		side  []Place
		want  string
	}{
		"all is well":            {[]Part{{Rules: []Rule{good}, Files: page("own.html")}}, []Place{{Path: "/a"}}, ""},
		"no right":               {[]Part{{Rules: []Rule{good, {Path: "/b", Show: show}}}}, nil, "/b has no right"},
		"a path twice":           {[]Part{{Rules: []Rule{good}}, {Rules: []Rule{good}}}, nil, "two rules have the path /a"},
		"no answer":              {[]Part{{Rules: []Rule{{Path: "/b", Right: admin.ReadApps}}}}, nil, "/b answers nothing"},
		"a question for nothing": {[]Part{{Rules: []Rule{{Path: "/b", Right: admin.ReadApps, Ask: ask}}}}, nil, "/b answers nothing"},
		"no last word":           {[]Part{{Rules: []Rule{{Path: "/b", Right: admin.ReadApps, Operation: "op", Notice: "none"}}}}, nil, "/b ends without a word"},
		"a last word":            {[]Part{{Rules: []Rule{{Path: "/b", Right: admin.ReadApps, Operation: "op", Notice: "done"}}, Notices: said}}, nil, ""},
		"a notice twice":         {[]Part{{Notices: said}, {Notices: said}}, nil, "two notices have the code done"},
		"a place of nothing":     {[]Part{{Rules: []Rule{good}}}, []Place{{Path: "/b"}}, "the navigation leads to /b"},
		"a template twice":       {[]Part{{Files: page("list.html")}}, nil, "two templates are called list"},
	} {
		pages, err := ui.New(ui.Options{Brand: ui.Brand{Name: "Gatehouse"}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Options{UI: pages}, c.side, c.parts...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAPlaceOfTheNavigationHoldsThePagesBelowIt(t *testing.T) {
	p := Place{Path: "/exchanges", Also: []string{"/revoke", "/explain-exchange"}}
	got := map[string]bool{}
	for _, path := range []string{"", "/exchanges", "/exchanges/{id}/prune", "/exchangesque", "/revoke/{kind}/{id}", "/revocations/{id}", "/explain-exchange", "/apps/{name}/exchanges"} {
		if p.holds(path) {
			got[path] = true
		}
	}
	want := map[string]bool{"/exchanges": true, "/exchanges/{id}/prune": true, "/revoke/{kind}/{id}": true, "/explain-exchange": true}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if first := (Place{}); !first.holds("") || first.holds("/apps") {
		t.Error("the first page holds every other")
	}
}
