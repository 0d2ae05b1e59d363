package grant_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
)

// shelf answers what a person gave; every other method of the Store is unused.
type shelf struct {
	grant.Store
	families []grant.Family
	consents []grant.Consent
	err      error
}

func (s shelf) Families(context.Context, string) ([]grant.Family, error)  { return s.families, nil }
func (s shelf) Consents(context.Context, string) ([]grant.Consent, error) { return s.consents, s.err }

func TestAccessIsListedByAppWithAllThatItHolds(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	family := func(app string, offline bool, created, used, expires int, scopes ...string) grant.Family {
		return grant.Family{Subject: grant.Subject{App: app, Scopes: scopes}, Offline: offline, Created: at(created), LastUse: at(used), Expires: at(expires)}
	}
	got, err := grant.AccessOf(t.Context(), shelf{
		families: []grant.Family{
			family("b", false, -2, -1, 1, "openid", "email"),
			family("b", true, -5, -4, 1, "openid", "offline_access"),
			family("expired", true, -9, -8, 0, "openid"),
		},
		consents: []grant.Consent{{App: "a", Scopes: []string{"profile"}, Given: at(-7)}, {App: "b", Scopes: []string{"groups"}, Given: at(-6)}},
	}, "p", now)
	want := []grant.Access{
		{App: "a", Scopes: []string{"profile"}, Since: at(-7)},
		{App: "b", Scopes: []string{"email", "groups", "offline_access", "openid"}, Offline: true, Since: at(-6), LastUse: at(-1)},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v\nwant %+v", got, err, want)
	}
}

func TestAccessThatCannotBeReadIsNotCalledNone(t *testing.T) {
	lost := errors.New("no answer")
	if got, err := grant.AccessOf(t.Context(), shelf{err: lost}, "p", time.Time{}); !errors.Is(err, lost) || got != nil {
		t.Errorf("%v %v", got, err)
	}
}
