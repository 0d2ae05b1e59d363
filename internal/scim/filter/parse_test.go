package filter_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

const (
	core       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	longer     = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:more"
)

// names are a few attributes of every type.
func names() *filter.Table {
	t := filter.NewTable(core, enterprise, longer)
	one := func(urn, attribute string, of filter.Attribute) {
		t.Add(filter.Path{URN: urn, Attribute: attribute}, of)
	}
	sub := func(urn, attribute, name string, of filter.Attribute) {
		t.Add(filter.Path{URN: urn, Attribute: attribute, Sub: name}, of)
	}
	one("", "id", filter.Attribute{CaseExact: true})
	one("", "externalId", filter.Attribute{CaseExact: true})
	one("", "userName", filter.Attribute{})
	one("", "active", filter.Attribute{Type: filter.Boolean})
	one("", "not", filter.Attribute{})
	one("", "name", filter.Attribute{Type: filter.Complex})
	sub("", "name", "familyName", filter.Attribute{})
	one("", "tags", filter.Attribute{Many: true})
	one("", "emails", filter.Attribute{Type: filter.Complex, Many: true})
	sub("", "emails", "value", filter.Attribute{Many: true})
	sub("", "emails", "type", filter.Attribute{Many: true})
	sub("", "emails", "primary", filter.Attribute{Type: filter.Boolean, Many: true})
	one("", "x509Certificates", filter.Attribute{Type: filter.Complex, Many: true})
	sub("", "x509Certificates", "value", filter.Attribute{Type: filter.Binary, CaseExact: true, Many: true})
	one("", "meta", filter.Attribute{Type: filter.Complex})
	sub("", "meta", "created", filter.Attribute{Type: filter.DateTime})
	one(enterprise, "employeeNumber", filter.Attribute{})
	one(enterprise, "manager", filter.Attribute{Type: filter.Complex})
	sub(enterprise, "manager", "value", filter.Attribute{})
	sub(enterprise, "manager", "$ref", filter.Attribute{Type: filter.Reference, CaseExact: true})
	one(longer, "level", filter.Attribute{Type: filter.Integer})
	return t
}

func compare(attribute, sub string, op filter.Op, text string) filter.Compare {
	p, of, ok := names().Resolve(filter.Path{Attribute: attribute, Sub: sub})
	if !ok {
		panic("no such attribute")
	}
	return filter.Compare{Path: p, Of: of, Op: op, Value: filter.Value{Kind: filter.Text, Text: text}}
}

func TestFiltersAreReadAsRFC7644HasThem(t *testing.T) {
	user, mail, work := compare("userName", "", filter.Eq, "x"), compare("emails", "value", filter.Eq, "x"), compare("emails", "type", filter.Eq, "work")
	primary := filter.Attribute{Type: filter.Boolean, Many: true}
	for in, want := range map[string]filter.Expr{
		`userName eq "x"`:                          user,
		`USERNAME Eq "x"`:                          user,
		`  userName   eq   "x"  `:                  user,
		core + `:userName eq "x"`:                  user,
		strings.ToUpper(core) + `:userName eq "x"`: user,
		`userName pr`:                              filter.Present{Path: user.Path},
		`not (userName eq "x")`:                    filter.Not{X: user},
		`NOT(userName eq "x")`:                     filter.Not{X: user},
		`not eq "x"`:                               compare("not", "", filter.Eq, "x"),
		`not pr and not (not pr)`:                  filter.And{L: filter.Present{Path: filter.Path{Attribute: "not"}}, R: filter.Not{X: filter.Present{Path: filter.Path{Attribute: "not"}}}},
		`userName eq "x" or userName eq "x" and userName eq "x"`:   filter.Or{L: user, R: filter.And{L: user, R: user}},
		`(userName eq "x" or userName eq "x") and userName eq "x"`: filter.And{L: filter.Or{L: user, R: user}, R: user},
		`userName eq "x" and userName eq "x" and userName eq "x"`:  filter.And{L: filter.And{L: user, R: user}, R: user},
		`emails eq "x"`:                       mail,
		`emails.value eq "x"`:                 mail,
		`emails[type eq "work"]`:              filter.Within{Path: filter.Path{Attribute: "emails"}, X: work},
		`emails[type eq "work"].value eq "x"`: filter.Within{Path: filter.Path{Attribute: "emails"}, X: filter.And{L: work, R: mail}},
		`emails[type eq "work" and value eq "x"] or userName eq "x"`: filter.Or{L: filter.Within{Path: filter.Path{Attribute: "emails"}, X: filter.And{L: work, R: mail}}, R: user},
		`emails[primary eq "True"]`: filter.Within{Path: filter.Path{Attribute: "emails"}, X: filter.Compare{
			Path: filter.Path{Attribute: "emails", Sub: "primary"}, Of: primary, Value: filter.Value{Kind: filter.Bool, Bool: true},
		}},
		`active eq false`: filter.Compare{Path: filter.Path{Attribute: "active"}, Of: filter.Attribute{Type: filter.Boolean}, Value: filter.Value{Kind: filter.Bool}},
		`active ne null`:  filter.Compare{Path: filter.Path{Attribute: "active"}, Of: filter.Attribute{Type: filter.Boolean}, Op: filter.Ne},
		`meta.created gt "2026-01-02T03:04:05.5+02:00"`: filter.Compare{
			Path: filter.Path{Attribute: "meta", Sub: "created"}, Of: filter.Attribute{Type: filter.DateTime}, Op: filter.Gt,
			Value: filter.Value{Kind: filter.Time, Time: time.Date(2026, 1, 2, 1, 4, 5, 5e8, time.UTC)},
		},
		longer + `:level le -1.5e1`: filter.Compare{
			Path: filter.Path{URN: longer, Attribute: "level"}, Of: filter.Attribute{Type: filter.Integer}, Op: filter.Le, Value: filter.Value{Kind: filter.Number, Number: -15},
		},
		enterprise + `:manager.value sw "a\"\u00e9\\"`: filter.Compare{
			Path: filter.Path{URN: enterprise, Attribute: "manager", Sub: "value"}, Op: filter.Sw, Value: filter.Value{Kind: filter.Text, Text: "a\"é\\"},
		},
		enterprise + `:manager.$ref co "]) or ("`: filter.Compare{
			Path: filter.Path{URN: enterprise, Attribute: "manager", Sub: "$ref"}, Of: filter.Attribute{Type: filter.Reference, CaseExact: true}, Op: filter.Co,
			Value: filter.Value{Kind: filter.Text, Text: "]) or ("},
		},
	} {
		got, err := filter.Parse(in, names())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v (%v), not %#v", in, got, err, want)
		}
	}
}

func TestAFilterThatCannotBeEvaluatedIsRefused(t *testing.T) {
	for _, in := range []string{
		``, ` `, `userName`, `userName eq`, `userName "x"`, `userName eq x`, `userName eq 'x'`, `userName like "x"`, `userName eq "x`, `userName eq "x" userName`,
		`bogus eq "x"`, `password eq "x"`, `emails[bogus eq "x"]`, `bogus[type eq "x"]`, `emails.bogus eq "x"`, `emails[type eq "work"].bogus eq "x"`,
		`urn:bogus:userName eq "x"`, enterprise + ` eq "x"`, enterprise + `: pr`, enterprise + `:level eq 1`, `userName. eq "x"`, `.userName eq "x"`, `userName.x.y eq "x"`,
		`(userName eq "x"`, `userName eq "x")`, `()`, `not userName eq "x"`, `not`, `userName eq "x" and`, `and userName eq "x"`, `userName eq "x" xor userName eq "y"`,
		`emails[type eq "work"`, `emails[]`, `emails[type eq "work"].`, `emails[type eq "work"] eq "x"`, `emails[emails[type eq "work"]]`, `emails[emails.type eq "work"]`,
		`userName[type eq "work"]`, `name[familyName eq "x"`, `name.familyName[x eq "y"]`, `name eq "x"`,
		`userName eq 1`, `userName eq true`, `userName gt null`, `active gt true`, `active co "true"`, `active eq "yes"`, `active eq 1`,
		longer + `:level eq "1"`, longer + `:level co 1`, longer + `:level eq 1e999`, longer + `:level eq 01`, longer + `:level eq 0x1`, longer + `:level eq NaN`,
		`meta.created gt "yesterday"`, `meta.created sw "2026-01-02T03:04:05Z"`, `meta.created gt 5`,
		`x509Certificates co "x"`, `userName eq "` + "\x01" + `"`, `userName eq "\u0000"`, `userName eq "\ud800"`, `userName eq "\x"`, "userName eq \"\xff\"", "userName\x00eq \"x\"",
	} {
		if x, err := filter.Parse(in, names()); !errors.Is(err, filter.ErrFilter) {
			t.Errorf("%q is %#v, %v", in, x, err)
		}
	}
}

func TestTheCostOfAFilterIsBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(", n) + `userName pr` + strings.Repeat(")", n) }
	chain := func(n int) string { return strings.TrimSuffix(strings.Repeat(`userName pr or `, n), " or ") }
	long := func(n int) string { return `userName eq "` + strings.Repeat("x", n-len(`userName eq ""`)) + `"` }
	for most, make := range map[int]func(int) string{filter.MaxDepth: nested, filter.MaxClauses: chain, filter.MaxLength: long} {
		if _, err := filter.Parse(make(most), names()); err != nil {
			t.Errorf("%d are too many: %v", most, err)
		}
		if _, err := filter.Parse(make(most+1), names()); !errors.Is(err, filter.ErrFilter) {
			t.Errorf("%d are not refused: %v", most+1, err)
		}
	}
}

func TestPathsOfPATCHAreRead(t *testing.T) {
	work := compare("emails", "type", filter.Eq, "work")
	many := filter.Attribute{Type: filter.Complex, Many: true}
	for in, want := range map[string]filter.PatchPath{
		`userName`:                         {Path: filter.Path{Attribute: "userName"}},
		`NAME.familyname`:                  {Path: filter.Path{Attribute: "name", Sub: "familyName"}},
		core + `:userName`:                 {Path: filter.Path{Attribute: "userName"}},
		enterprise:                         {Path: filter.Path{URN: enterprise}, Of: filter.Attribute{Type: filter.Complex}},
		enterprise + `:employeeNumber`:     {Path: filter.Path{URN: enterprise, Attribute: "employeeNumber"}},
		longer + `:level`:                  {Path: filter.Path{URN: longer, Attribute: "level"}, Of: filter.Attribute{Type: filter.Integer}},
		`emails[type eq "work"]`:           {Path: filter.Path{Attribute: "emails"}, Of: many, Where: work},
		`emails[type eq "work"].value`:     {Path: filter.Path{Attribute: "emails", Sub: "value"}, Of: filter.Attribute{Many: true}, Where: work},
		` emails[ type eq "work" ].value `: {Path: filter.Path{Attribute: "emails", Sub: "value"}, Of: filter.Attribute{Many: true}, Where: work},
	} {
		got, err := filter.ParsePath(in, names())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v (%v), not %#v", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		``: filter.ErrPath, `bogus`: filter.ErrPath, `userName eq "x"`: filter.ErrPath, `emails[type eq "work"].bogus`: filter.ErrPath, `emails[type eq "work"]value`: filter.ErrPath,
		`emails[type eq ]`: filter.ErrFilter, `emails[bogus eq "x"]`: filter.ErrFilter, `userName[type eq "x"]`: filter.ErrPath, `emails.value[type eq "x"]`: filter.ErrPath,
		enterprise + `[x eq "y"]`: filter.ErrPath,
	} {
		if got, err := filter.ParsePath(in, names()); !errors.Is(err, want) {
			t.Errorf("%q is %#v, %v", in, got, err)
		}
	}
}

func TestNamesOfAttributesAreReadWithoutFilters(t *testing.T) {
	got, of, err := filter.ParseAttribute(enterprise+":manager.VALUE", names())
	if want := (filter.Path{URN: enterprise, Attribute: "manager", Sub: "value"}); got != want || of != (filter.Attribute{}) || err != nil {
		t.Errorf("%v, %v, %v", got, of, err)
	}
	if got.String() != enterprise+":manager.value" {
		t.Errorf("it is written as %s", got)
	}
	for _, in := range []string{`emails[type eq "work"]`, ``, `userName,active`} {
		if _, _, err := filter.ParseAttribute(in, names()); !errors.Is(err, filter.ErrPath) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	r := names()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := filter.Parse(`userName eq "someone@acme.example"`, r); err != nil {
			b.Fatal(err)
		}
	}
}
