package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// people is a table of what filters know of users.
func people() *filter.Table {
	t := filter.NewTable("urn:ietf:params:scim:schemas:core:2.0:User", record.Enterprise)
	text, exact := filter.Attribute{}, filter.Attribute{CaseExact: true}
	many := filter.Attribute{Many: true}
	t.Add(filter.Path{Attribute: "id"}, exact)
	t.Add(filter.Path{Attribute: "externalId"}, exact)
	t.Add(filter.Path{Attribute: "userName"}, text)
	t.Add(filter.Path{Attribute: "displayName"}, text)
	t.Add(filter.Path{Attribute: "title"}, exact)
	t.Add(filter.Path{Attribute: "active"}, filter.Attribute{Type: filter.Boolean})
	t.Add(filter.Path{Attribute: "name"}, filter.Attribute{Type: filter.Complex})
	t.Add(filter.Path{Attribute: "name", Sub: "familyName"}, text)
	t.Add(filter.Path{Attribute: "emails"}, filter.Attribute{Type: filter.Complex, Many: true})
	t.Add(filter.Path{Attribute: "emails", Sub: "value"}, many)
	t.Add(filter.Path{Attribute: "emails", Sub: "type"}, many)
	t.Add(filter.Path{Attribute: "emails", Sub: "primary"}, filter.Attribute{Type: filter.Boolean, Many: true})
	t.Add(filter.Path{Attribute: "groups", Sub: "value"}, many)
	t.Add(filter.Path{Attribute: "meta", Sub: "lastModified"}, filter.Attribute{Type: filter.DateTime})
	t.Add(filter.Path{Attribute: "meta", Sub: "location"}, exact)
	t.Add(filter.Path{URN: record.Enterprise, Attribute: "employeeNumber"}, text)
	return t
}

// finds says whom of Ann, Bob and Cyd a filter finds, in this order. CYD stands for the id
// of Cyd, and GROUP for that of the group that Bob is in.
var finds = map[string]string{
	`userName eq "ANN%_"`:    "ann",
	`userName eq "ann__"`:    "",
	`userName co "n%"`:       "ann",
	`userName co "%"`:        "ann",
	`userName sw "B"`:        "bob",
	`userName ew "D"`:        "cyd",
	`userName gt "b"`:        "bob cyd",
	`userName ne "bob"`:      "ann cyd",
	`userName pr`:            "ann bob cyd",
	`externalId eq "x1"`:     "bob",
	`externalId ne "x1"`:     "ann cyd",
	`externalId pr`:          "ann bob",
	`externalId co "1"`:      "ann bob",
	`id eq "CYD"`:            "cyd",
	`active eq false`:        "cyd",
	`not (active eq false)`:  "ann bob",
	`title eq "chief"`:       "bob",
	`title sw "Ch"`:          "ann",
	`title co "hie"`:         "ann bob",
	`displayName eq "ärger"`: "ann",
	`displayName sw "Är"`:    "ann",
	`displayName eq "` + strings.Repeat("long ", 100) + `END"`: "cyd",
	`displayName eq "` + strings.Repeat("long ", 100) + `"`:    "",
	`displayName ew "END"`:               "cyd",
	`displayName pr`:                     "ann cyd",
	`not (displayName pr)`:               "bob",
	`name pr`:                            "ann cyd",
	`name.familyName ge "z"`:             "ann cyd",
	`name.familyName lt "zz"`:            "cyd",
	`emails pr`:                          "ann bob",
	`emails.value eq "ann@acme.example"`: "ann",
	`emails[type eq "work"].value eq "bob@acme.example"`:       "",
	`emails[type eq "home"].value eq "BOB@acme.example"`:       "bob",
	`emails[type eq "work" and value co "@acme.example"]`:      "ann",
	`emails[not (type eq "work") and value ew "home.example"]`: "ann",
	`emails[primary eq true]`:                                  "",
	record.Enterprise + `:employeeNumber eq "007"`:             "ann",
	`groups.value eq "GROUP"`:                                  "bob",
	`userName eq "bob" or title eq "Chief"`:                    "ann bob",
	`userName eq "bob" and title eq "Chief"`:                   "",
	`meta.lastModified gt "2026-01-01T00:00:00Z"`:              "ann bob cyd",
	`meta.lastModified lt "2026-01-01T00:00:00Z"`:              "",
	`userName eq "x' OR '1'='1"`:                               "",
}

// costly is a filter that looks into too many values.
var costly = strings.Repeat(`title co "a" or `, 20) + `title co "b"`

// refuses says which filters are not run, and why.
var refuses = map[string]error{`meta.location eq "x"`: record.ErrFilter, costly: record.ErrCost}

func filtersFind(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "filters")
	mail := func(value, typ string) map[string]any { return map[string]any{"value": value, "type": typ} }
	ann := p.user("Ann%_", "X1", map[string]any{
		"displayName": "Ärger", "title": "Chief", "name": map[string]any{"familyName": "Ölund"}, "emails": []any{mail("Ann@acme.example", "work"), mail("ann@home.example", "home")},
		record.Enterprise: map[string]any{"employeeNumber": "007"},
	})
	bob := p.user("bob", "x1", map[string]any{"title": "chief", "emails": []any{mail("bob@home.example", "work"), mail("bob@acme.example", "home")}})
	cyd := p.user("cyd", "", map[string]any{"name": map[string]any{"familyName": "Zed"}, "displayName": strings.Repeat("long ", 100) + "end"})
	if err := p.off(cyd); err != nil {
		t.Fatal(err)
	}
	pusher(t, db, "filters-other").user("bob", "x1", map[string]any{"title": "chief"})
	ids := strings.NewReplacer("CYD", cyd.ID, "GROUP", p.group("g", "", bob.ID).ID)
	names := map[string]string{ann.ID: "ann", bob.ID: "bob", cyd.ID: "cyd"}
	for text, want := range finds {
		page, err := p.filtered(ids.Replace(text))
		var got []string
		for _, u := range page.Items {
			got = append(got, names[u.ID])
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want || page.Total != len(got) {
			t.Errorf("%s: %v (%d in all), want %s: %v", text, got, page.Total, want, err)
		}
	}
	for text, want := range refuses {
		_, err := p.filtered(text)
		p.refused(text, err, want)
	}
}

// filtered are the users that a filter finds.
func (p *push) filtered(text string) (record.Page[record.User], error) {
	e, err := filter.Parse(text, people())
	if err != nil {
		return record.Page[record.User]{}, err
	}
	return p.Users(p.Context(), p.connection, record.Query{Filter: e, Count: -1})
}
