package signal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// heard are the streams that were told of something, each with whom.
func heard(s *shelf) string {
	var all []string
	for _, set := range s.sets {
		all = append(all, set.Stream+": "+string(set.Subject))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// The desk exchanged alice's token for one of the payroll, which exchanged that on to the
// ledger; it calls the mint for her, too.
func TestTheEndOfAnExchangedTokenIsToldToEveryAPIThatTakesItOrWhatHangsFromIt(t *testing.T) {
	known := func(receiver, via, session string) signal.Subject {
		return signal.Subject{Receiver: receiver, App: receiver, Person: "alice", Session: session, Via: via}
	}
	there := town{nodes: []grant.Node{
		{ID: "pay", Grant: "pay", Mode: catalog.ModeDelegation, Person: "alice", Session: "s", Client: "desk", Audience: "payroll"},
		{ID: "post", Grant: "post", Mode: catalog.ModeDelegation, Person: "alice", Session: "s", Client: "payroll", Audience: "ledger"},
	}}
	const of = `{"format":"complex","user":{"format":"iss_sub","iss":"` + issuer + `","sub":"alice"},"session":{"format":"opaque","id":"s"},"application":{"format":"opaque","id":"`
	both := "ledger: " + of + "desk\"}}\npayroll: " + of + "desk\"}}"
	for what, c := range map[string]struct {
		e    event.Event
		id   string
		want string
	}{
		"it is cut":                     {event.New(now, "exchange.pruned", identity.System("test"), identity.Grant("pay"), "person", "alice", "client", "desk", "audience", "payroll"), "pay", both},
		"its client revokes it":         {event.New(now, "grant.revoked", identity.Actor{Ref: identity.Client("desk")}, identity.Grant("pay")), "pay", both},
		"an operator revokes its grant": {event.New(now, "grant.revoked", identity.System("test"), identity.Grant("pay"), "reason", "lost"), "pay", both},
		"what hangs from it is cut":     {event.New(now, "exchange.pruned", identity.System("test"), identity.Grant("post")), "post", "ledger: " + of + "payroll\"}}"},
		"control: a grant of nobody":    {event.New(now, "grant.revoked", identity.System("test"), identity.Grant("none")), "none", ""},
	} {
		store := newShelf(streamTo("payroll"), streamTo("ledger"), streamTo("mint"))
		store.subjects = []signal.Subject{
			known("payroll", "desk", "s"), known("payroll", "desk", "another"), known("ledger", "payroll", "s"), known("ledger", "desk", "s"), known("mint", "desk", "s"),
		}
		apps := clients{"payroll": {ID: "payroll"}, "ledger": {ID: "ledger"}, "mint": {ID: "mint"}, "desk": {ID: "desk"}}
		if err := newTeller(store, apps, there).Handle(t.Context(), c.e.Revoking(identity.Grant(c.id))); err != nil {
			t.Fatal(err)
		}
		if got := heard(store); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", what, got, c.want)
		}
	}
}

func TestAnAPIIsToldWhoseTokensItsSideAgreesToNoMore(t *testing.T) {
	for what, c := range map[string]struct {
		call identity.Ref
		want string
	}{
		"of a client that called it":         {identity.Call("desk", "payroll"), `payroll: {"format":"complex","application":{"format":"opaque","id":"desk"}}`},
		"control: of one that never did":     {identity.Call("crm", "payroll"), ""},
		"control: of an API that is no more": {identity.Call("desk", "gone"), ""},
	} {
		store := newShelf(streamTo("payroll"), streamTo("mint"))
		store.subjects = []signal.Subject{
			{Receiver: "payroll", App: "payroll", Person: "alice", Session: "s", Via: "desk"}, {Receiver: "payroll", App: "payroll", Via: "desk"}, {Receiver: "mint", App: "mint", Person: "alice", Session: "s", Via: "desk"},
		}
		e := event.New(now, "agreement.withdrawn", identity.System("test"), identity.App("desk")).Revoking(c.call)
		if err := newTeller(store, clients{"payroll": {ID: "payroll"}, "mint": {ID: "mint"}}, town{}).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if got := heard(store); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}
