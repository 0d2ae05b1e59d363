package signal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

var now = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// town is what a teller asks: everybody is called Alice and is in one group.
type town struct {
	consented []string
	left, out bool // out may not use the app
	moved     []string
	nodes     []grant.Node // exchanged tokens; each hangs from the one before
}

func (t town) Person(_ context.Context, id string) (directory.Person, error) {
	return directory.Person{
		ID: id, Profile: directory.Profile{Name: "Alice", Email: "alice@acme.example"}, Identities: []directory.Identity{{Connection: "acme"}},
		Records: []directory.Record{{Connection: "acme", ID: "r", Active: !t.left}},
	}, nil
}

// Moved returns those after the one given, in portions.
func (t town) Moved(_ context.Context, _, _ string, _ []string, after string, limit int) (page []string, err error) {
	for _, id := range t.moved {
		if id > after && len(page) < limit {
			page = append(page, id)
		}
	}
	return page, nil
}

func (town) Search(context.Context, directory.Query) (page []directory.Person, next string, err error) {
	return []directory.Person{{ID: "alice"}}, "", nil
}

func (town) Family(context.Context, string) (grant.Family, error) {
	return grant.Family{}, grant.ErrUnknown
}

func (t town) Node(_ context.Context, id string) (grant.Node, error) {
	for _, n := range t.nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return grant.Node{}, grant.ErrNodeNotFound
}

func (t town) Under(_ context.Context, n grant.Node) (all []grant.Branch, err error) {
	under := false
	for _, one := range t.nodes {
		if under {
			all = append(all, grant.Branch{Node: one})
		}
		under = under || one.ID == n.ID
	}
	return all, nil
}

func (t town) Consent(context.Context, string, string) (grant.Consent, bool, error) {
	return grant.Consent{Scopes: t.consented}, true, nil
}

func (t town) Check(context.Context, directory.Person, *registry.Client) (entitlement.Decision, error) {
	return entitlement.Decision{Allowed: !t.out, Groups: []string{"sales"}, Roles: []string{"user"}}, nil
}

func newTeller(store *shelf, apps clients, there town) *signal.Teller {
	return signal.NewTeller(signal.TellerOptions{
		Issuer: issuer, Store: store, Clients: apps, People: there, Grants: there, Exchanges: there, Entitlements: there, Queued: func() {},
	})
}

// TestNoStreamHearsOfWhomItDoesNotConcern draws who is known to whom, and events, and
// looks at every SET that comes of them.
func TestNoStreamHearsOfWhomItDoesNotConcern(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	rapid.Check(t, func(t *rapid.T) {
		store, apps := newShelf(), clients{}
		for _, id := range []string{"a", "b", "c"} {
			s := streamTo(id)
			store.streams[id], apps[id] = &s, &registry.Client{ID: id, App: id, Scopes: []string{"openid", "email"}}
		}
		store.subjects = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) signal.Subject {
			person, receiver := name.Draw(t, "person"), name.Draw(t, "receiver")
			return signal.Subject{Receiver: receiver, App: rapid.SampledFrom([]string{receiver, receiver, "gone"}).Draw(t, "its app"), Person: "p-" + person, Session: "s-" + person + name.Draw(t, "session"), Via: name.Draw(t, "via"), Connection: "c-" + name.Draw(t, "connection")}
		}), 0, 12).Draw(t, "subjects")
		person, session, app, connection := "p-"+name.Draw(t, "of"), "s-"+name.Draw(t, "of")+name.Draw(t, "its"), name.Draw(t, "app"), "c-"+name.Draw(t, "at")
		ref := rapid.SampledFrom([]identity.Ref{
			identity.Person(person), identity.Session(session), identity.Connection(connection), identity.Client(app), identity.App(app), identity.Install(person, app), identity.Grant("g"), identity.Settings(connection),
		}).Draw(t, "ref")
		e := event.New(now, rapid.SampledFrom([]string{"person.disabled", "session.ended", "access.lost", "person.changed"}).Draw(t, "type"), identity.System("test"), ref,
			"person", person, "client", app, "fields", "email groups").Revoking(ref)
		if e.Type == "person.changed" {
			e.Subject = identity.Person(person)
		}
		for range 2 { // again is no change
			if err := newTeller(store, apps, town{}).Handle(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, set := range store.sets {
			if seen[set.Stream+set.ID] {
				t.Fatalf("%s comes twice", set.ID)
			}
			seen[set.Stream+set.ID] = true
			if !concerns(store.subjects, set) {
				t.Fatalf("%s hears %s of %s, and knows %+v", set.Stream, set.Type, set.Subject, store.subjects)
			}
		}
	})
}

// concerns reports whether the receiver of a SET knows all that its subject names, of
// one subject of its own.
func concerns(subjects []signal.Subject, set *signal.Set) bool {
	var named struct {
		Sub         string
		User        *struct{ Sub string }
		Session     *struct{ ID string }
		Application *struct{ ID string }
	}
	if json.Unmarshal(set.Subject, &named) != nil {
		return false
	}
	for _, s := range subjects {
		if s.Receiver == set.Stream && s.App == set.Stream && (named.Sub == "" || named.Sub == s.Person) && (named.User == nil || named.User.Sub == s.Person) &&
			(named.Session == nil || named.Session.ID == s.Session) && (named.Application == nil || named.Application.ID == s.Via) {
			return true
		}
	}
	return false
}

func TestAnAppIsToldOfNoClaimThatItDoesNotGet(t *testing.T) {
	e := event.New(now, "person.changed", identity.System("test"), identity.Person("alice"), "fields", "name email groups picture")
	for what, c := range map[string]struct {
		client    registry.Client
		consented []string
		want      string
	}{
		"all":                      {registry.Client{Scopes: []string{"openid", "profile", "email", "groups"}}, nil, `{"email":"alice@acme.example","email_verified":false,"groups":["sales"],"name":"Alice","picture":"","roles":["user"]}`},
		"the address alone":        {registry.Client{Scopes: []string{"openid", "email"}}, nil, `{"email":"alice@acme.example","email_verified":false}`},
		"nothing":                  {registry.Client{Scopes: []string{"openid"}}, nil, ``},
		"what the person allowed":  {registry.Client{Scopes: []string{"profile", "email"}, ThirdParty: true}, []string{"email"}, `{"email":"alice@acme.example","email_verified":false}`},
		"nothing that was allowed": {registry.Client{Scopes: []string{"profile", "email"}, ThirdParty: true}, nil, ``},
	} {
		store := newShelf(streamTo("bot"), streamTo("payroll"))
		store.subjects = []signal.Subject{{Receiver: "bot", App: "bot", Person: "alice", Session: "s", Via: "bot"}, {Receiver: "payroll", App: "payroll", Person: "alice", Session: "s", Via: "bot"}}
		c.client.ID, c.client.App = "bot", "bot"
		if err := newTeller(store, clients{"bot": &c.client, "payroll": {ID: "payroll", App: "payroll", Scopes: []string{"email"}}}, town{consented: c.consented}).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, set := range store.sets {
			var said struct{ Claims json.RawMessage }
			if err := json.Unmarshal(set.Claims, &said); err != nil {
				t.Fatal(err)
			}
			got = append(got, set.Stream+string(said.Claims))
		}
		if want := map[bool]string{true: "bot" + c.want}[c.want != ""]; strings.Join(got, " ") != want {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestWhoMayNotUseAnAppAnyMoreIsNotToldOfThere(t *testing.T) {
	e := event.New(now, "person.changed", identity.System("test"), identity.Person("alice"), "fields", "email")
	for what, c := range map[string]struct {
		out  bool
		want int
	}{"control: may use it": {false, 1}, "may not": {true, 0}} {
		store := newShelf(streamTo("bot"))
		store.subjects = []signal.Subject{{Receiver: "bot", App: "bot", Person: "alice", Session: "s", Via: "bot"}}
		if err := newTeller(store, clients{"bot": {ID: "bot", App: "bot", Scopes: []string{"email"}}}, town{out: c.out}).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if len(store.sets) != c.want {
			t.Errorf("%s: %d signals", what, len(store.sets))
		}
	}
}

// An app gave its client_id up, and another has it and a stream: of the people of the one
// before, neither its sessions nor their new addresses are for it.
func TestWhoHasAClientIDNextHearsOfNobodyWhomItsFormerAppKnew(t *testing.T) {
	heir := streamTo("bot")
	heir.ID, heir.App = "heir-stream", "heir"
	for what, e := range map[string]event.Event{
		"a session":   event.New(now, "session.ended", identity.System("test"), identity.Session("s")).Revoking(identity.Session("s")),
		"a new claim": event.New(now, "person.changed", identity.System("test"), identity.Person("alice"), "fields", "email"),
	} {
		for app, want := range map[string]string{"bot": "bot", "heir": "heir-stream"} {
			store := newShelf(streamTo("bot"), heir)
			store.subjects = []signal.Subject{{Receiver: "bot", App: app, Person: "alice", Session: "s", Via: "bot"}}
			if err := newTeller(store, clients{"bot": {ID: "bot", App: "heir", Scopes: []string{"email"}}}, town{}).Handle(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if len(store.sets) != 1 || store.sets[0].Stream != want {
				t.Errorf("%s of the people of %s: %d signals", what, app, len(store.sets))
			}
		}
	}
}

func TestAStreamGoesWithTheClientIDThatItsAppGivesUp(t *testing.T) {
	heir := streamTo("bot")
	heir.ID, heir.App = "heir-stream", "heir"
	app := identity.App("bot")
	for what, c := range map[string]struct {
		e    event.Event
		kept bool
	}{
		"control: a release that keeps it":     {event.New(now, "app.applied", identity.System("test"), app, "client", "bot").Revoking(identity.Call("bot", "payroll")), true},
		"control: one that loses a scope":      {event.New(now, "app.applied", identity.System("test"), app, "client", "bot").Revoking(identity.Client("bot")), true},
		"control: another app's, which had it": {event.New(now, "app.applied", identity.System("test"), identity.App("third"), "client", "x").Revoking(identity.Client("bot")), true},
		"a release that gives it up":           {event.New(now, "app.applied", identity.System("test"), app, "client", "robot").Revoking(identity.Client("bot")), false},
		"a removed app":                        {event.New(now, "app.removed", identity.System("test"), app, "client", "bot").Revoking(identity.Client("bot")), false},
	} {
		store := newShelf(streamTo("bot"), heir)
		if err := newTeller(store, clients{"bot": {ID: "bot", App: "heir"}}, town{}).Handle(t.Context(), c.e); err != nil {
			t.Fatal(err)
		}
		if _, kept := store.streams["bot"]; kept != c.kept || store.streams["heir-stream"] == nil {
			t.Errorf("%s: kept %v", what, kept)
		}
	}
}

func TestASignalSaysWhoBeganItAndWhy(t *testing.T) {
	for what, c := range map[string]struct {
		actor  identity.Actor
		reason string
		want   string
	}{
		"the person":    {identity.Actor{Ref: identity.Person("alice")}, "logout", "user: The session ended."},
		"somebody else": {identity.Actor{Ref: identity.Person("ada")}, "", "admin: The session ended."},
		"an operator":   {identity.Actor{Ref: identity.Ref{Kind: identity.KindOperator}}, "", "admin: The session ended."},
		"its age":       {identity.System("sessions"), "expired", "policy: The session expired."},
		"the broker":    {identity.System("sessions"), "", "system: The session ended."},
	} {
		store := newShelf(streamTo("bot"))
		store.subjects = []signal.Subject{{Receiver: "bot", App: "bot", Person: "alice", Session: "s", Via: "bot"}}
		e := event.New(now, "session.ended", c.actor, identity.Session("s"), "person", "alice", "reason", c.reason).Revoking(identity.Session("s"))
		if err := newTeller(store, clients{}, town{}).Handle(t.Context(), e); err != nil || len(store.sets) != 1 {
			t.Fatalf("%s: %v %v", what, store.sets, err)
		}
		var said struct {
			At    int64             `json:"event_timestamp"`
			By    string            `json:"initiating_entity"`
			Admin map[string]string `json:"reason_admin"`
		}
		if err := json.Unmarshal(store.sets[0].Claims, &said); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s: %s", said.By, said.Admin["en"]); got != c.want || said.Admin["de"] == "" || said.At != now.Unix() {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestWhoLeavesEveryConnectionHasNoAccount(t *testing.T) {
	for what, c := range map[string]struct {
		typ  string
		left bool
		want string
	}{
		"one connection, and comes over another": {"person.left", false, "session-revoked"},
		"the last connection":                    {"person.left", true, "session-revoked account-disabled"},
		"and returns":                            {"person.returned", false, "account-enabled"},
		"and returned, and left again":           {"person.returned", true, ""},
	} {
		store := newShelf(streamTo("bot"))
		store.subjects = []signal.Subject{{Receiver: "bot", App: "bot", Person: "alice", Session: "s", Via: "bot"}}
		e := event.New(now, c.typ, identity.System("test"), identity.Person("alice"))
		if c.typ == "person.left" {
			e = e.Revoking(identity.Person("alice"))
		}
		if err := newTeller(store, clients{}, town{left: c.left}).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if got := kinds(store); got != c.want {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// kinds are the last parts of the types of what was queued.
func kinds(s *shelf) string {
	var all []string
	for _, set := range s.sets {
		all = append(all, set.Type[strings.LastIndex(set.Type, "/")+1:])
	}
	return strings.Join(all, " ")
}

func TestEverybodyWhomAConnectionMovesIsToldOf(t *testing.T) {
	store, there := newShelf(streamTo("bot")), town{}
	for i := range 450 {
		id := fmt.Sprintf("p-%03d", i)
		there.moved = append(there.moved, id)
		store.subjects = append(store.subjects, signal.Subject{Receiver: "bot", App: "bot", Person: id, Session: "s-" + id, Via: "bot"})
	}
	e := event.New(now, "group.members_changed", identity.System("test"), identity.Ref{Kind: identity.KindGroup, ID: "acme/g1"}, "operation", "o")
	for range 2 { // again is no change
		if err := newTeller(store, clients{"bot": {ID: "bot", App: "bot", Scopes: []string{"groups"}}}, there).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if len(store.sets) != len(there.moved) || store.sets[0].Type != signal.TokenClaimsChange {
		t.Errorf("%d signals", len(store.sets))
	}
}
