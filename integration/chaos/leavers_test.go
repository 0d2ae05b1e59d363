package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
)

// fine is a leaver of whom everything is as it has to be.
func fine() outcome {
	acked := time.Unix(1000, 0)
	heard := func(id, cause, kind string) hearing {
		return hearing{id: id, cause: cause, kind: kind, at: acked.Add(time.Second), taken: true}
	}
	lost := heard("1", "", "backchannel-logout")
	lost.taken = false // the answer never came, and it comes again
	c := func(name string, done int) consequence { return consequence{Name: name, State: "done", Done: done} }
	return outcome{
		leaver: &leaver{how: departures()[0], acked: acked},
		events: []revocation{{ID: "e", Consequences: []consequence{
			c(grant.EndedSessions, 1), c(grant.EndedGrants, 2), c(grant.LogoutOfApps, 1), c(grant.SharedSignals, 2), c(grant.OwnersSucceed, 1), c(grant.RequestsWithdraw, 1),
		}}},
		owner: successor, asked: "withdrawn", logouts: []hearing{lost, heard("1", "", "backchannel-logout")},
		signals: []hearing{heard("0", "before", "token-claims-change"), heard("2", "now", "session-revoked"), heard("3", "now", "account-disabled"), heard("3", "now", "account-disabled")},
		left:    []time.Time{acked}, owners: []time.Time{acked}, withdrawn: []time.Time{acked},
	}
}

// A harness that never complains proves nothing: each of these is no broker's doing that
// works.
func TestWhatDidNotFollowFromADepartureIsReported(t *testing.T) {
	if o := fine(); len(o.faults()) != 0 {
		t.Fatalf("control: %v", o.faults())
	}
	for what, c := range map[string]struct {
		spoil func(*outcome)
		want  string
	}{
		"left twice":               {func(o *outcome) { o.left = append(o.left, o.acked) }, "2 departures"},
		"passed on twice":          {func(o *outcome) { o.owners = append(o.owners, o.acked) }, "2 successions"},
		"never withdrawn":          {func(o *outcome) { o.withdrawn, o.asked = nil, "waiting" }, "0 withdrawals"},
		"never passed on":          {func(o *outcome) { o.owner = "leaver@works.example" }, "owned by leaver"},
		"told anew, and not again": {func(o *outcome) { o.logouts[0].id = "another" }, "2 logouts after deduplication"},
		"never told":               {func(o *outcome) { o.logouts = o.logouts[:1] }, "0 logouts"},
		"no signal":                {func(o *outcome) { o.signals = nil }, "0 signals"},
		"a signal is missing":      {func(o *outcome) { o.signals = slices.Delete(o.signals, 1, 2) }, "not 1 done"},
		"a delivery is made up":    {func(o *outcome) { o.events[0].Consequences[3].Done = 3 }, "not 2 done"},
		"it hangs":                 {func(o *outcome) { o.events[0].Consequences[2].State = "retrying" }, "retrying"},
		"no session ended":         {func(o *outcome) { o.events[0].Consequences[0].Done = 0 }, "not 1 done"},
		"no family ended":          {func(o *outcome) { o.events[0].Consequences[1].Done = 0 }, "no refresh family"},
		"not listed":               {func(o *outcome) { o.events = nil }, "0 revocations"},
	} {
		o := fine()
		c.spoil(&o)
		if got := strings.Join(o.faults(), "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", what, got)
		}
	}
}
