package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// someone has values of every kind, and of some attributes none.
var someone = map[string]any{
	"id": "Abc", "userName": "Alice@Acme.example", "active": false, "tags": []any{"One", "two"}, "name": map[string]any{},
	"emails": []any{
		map[string]any{"value": "a@acme.example", "type": "work", "primary": true},
		map[string]any{"value": "b@acme.example", "type": "home"},
	},
	"meta":     map[string]any{"created": "2026-01-02T03:04:05.500Z"},
	enterprise: map[string]any{"employeeNumber": ""},
	longer:     map[string]any{"level": json.Number("12")},
}

func TestFiltersHoldForWhatTheySay(t *testing.T) {
	for s, want := range map[string]bool{
		`userName eq "ALICE@acme.example"`: true, `userName ne "alice@acme.example"`: false, `userName co "@ACME"`: true, `userName sw "alice"`: true, `userName sw "@"`: false,
		`userName ew ".EXAMPLE"`: true, `userName ew "a"`: false, `userName gt "alice"`: true, `userName lt "alice"`: false, `userName ge "alice@acme.example"`: true, `userName le "b"`: true,
		`id eq "Abc"`: true, `id eq "abc"`: false, `id ne "abc"`: true, // case matters
		`active eq false`: true, `active eq true`: false, `active ne true`: true, `active pr`: true,
		`externalId pr`: false, `externalId eq null`: true, `externalId ne null`: false, `externalId ne "x"`: true, `externalId co ""`: false, `not (externalId eq "x")`: true, `externalId gt "a"`: false,
		`name pr`: false, `name.familyName pr`: false, enterprise + `:employeeNumber pr`: true, enterprise + `:employeeNumber eq ""`: true, enterprise + `:manager pr`: false, enterprise + `:manager.value ne "x"`: true,
		`tags eq "one"`: true, `tags eq "three"`: false, `tags ne "one"`: false, `tags ne "three"`: true, `tags co "W"`: true,
		`emails eq "b@acme.example"`: true, `emails.type eq "home"`: true, `emails.type eq "other"`: false, `emails pr`: true, `emails.primary eq true`: true,
		`emails.type eq "home" and emails.primary eq true`: true, `emails[type eq "home" and primary eq true]`: false, `emails[type eq "work" and primary eq true]`: true,
		`emails[type eq "home"].value eq "b@acme.example"`: true, `emails[type eq "work"].value eq "b@acme.example"`: false, `emails[not (primary eq true)]`: true, `emails[primary ne true].value ew "zz"`: false,
		`meta.created gt "2026-01-02T03:04:05Z"`: true, `meta.created eq "2026-01-02T05:04:05.5+02:00"`: true, `meta.created lt "2026-01-02T03:04:05.5Z"`: false, `meta.created le "2026-01-02T03:04:05.5Z"`: true,
		longer + `:level gt 11`: true, longer + `:level lt 12`: false, longer + `:level ge 12`: true, longer + `:level le 12`: true, longer + `:level eq 12.0`: true, longer + `:level ne 12`: false,
		`userName pr and not (tags pr)`: false, `userName eq "x" or tags pr`: true, `not (userName pr or id pr)`: false,
	} {
		x, err := filter.Parse(s, names())
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := filter.Match(x, someone); got != want {
			t.Errorf("%s is %t", s, got)
		}
	}
}
