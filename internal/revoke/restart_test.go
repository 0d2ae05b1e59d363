package revoke_test

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// kept is how long a sequence of the test remembers entries, and a token lives.
const kept = 20 * time.Minute

// issued is a token that is made from facts which were read after rev was applied.
type issued struct {
	ref     identity.Ref
	rev     uint64
	expires time.Time
}

// drill is a replica on a ledger, with a clock that anybody may set.
type drill struct {
	rt     *rapid.T
	t      *testing.T
	ledger *ledger
	now    time.Time
	s      *revoke.Sequence
	last   uint64 // what was applied before
	tokens []issued
	raised map[identity.Ref]uint64
	// refusals are how often a token was refused for what was raised.
	refusals int
}

func (d *drill) start() {
	s := revoke.New(revoke.Options{Store: d.ledger, Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler), Keep: kept})
	if err := s.Start(d.t.Context()); err != nil {
		d.rt.Fatal(err)
	}
	d.s = s
}

func (d *drill) person(name string) identity.Ref {
	return identity.Person(strconv.Itoa(rapid.IntRange(0, 2).Draw(d.rt, name)))
}

// step does one thing that happens to a broker.
func (d *drill) step() {
	switch rapid.SampledFrom([]string{"issue", "raise", "follow", "restart", "pass", "ahead", "back"}).Draw(d.rt, "step") {
	case "issue":
		d.tokens = append(d.tokens, issued{ref: d.person("whose"), rev: d.s.Applied(), expires: d.now.Add(kept / 4)})
	case "raise":
		ref := d.person("revoked")
		d.raised[ref] = d.ledger.raise(d.now, ref)
	case "follow":
		if err := d.s.Sync(d.t.Context()); err != nil {
			d.rt.Fatal(err)
		}
	case "restart":
		d.start()
	case "pass":
		d.now = d.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(d.rt, "seconds")) * time.Second)
	case "ahead":
		d.now = d.now.Add(time.Duration(rapid.IntRange(1, 72).Draw(d.rt, "hours ahead")) * time.Hour)
	case "back":
		d.now = d.now.Add(-time.Duration(rapid.IntRange(1, 72).Draw(d.rt, "hours back")) * time.Hour)
	}
}

// check holds what is so after each step: what was applied is never less than before,
// and a token that a revocation concerns which was applied is refused as long as it
// lives, whatever the clock says meanwhile.
func (d *drill) check() {
	if now := d.s.Applied(); now < d.last {
		d.rt.Fatalf("the sequence went back from %d to %d", d.last, now)
	}
	d.last = d.s.Applied()
	for _, token := range d.tokens {
		number := d.raised[token.ref]
		if number <= token.rev || number > d.last || !d.now.Before(token.expires) {
			continue
		}
		switch err := d.s.Check(token.rev, token.ref); {
		case err == nil:
			d.rt.Fatalf("%+v is good at %s, although %d was raised", token, d.now, number)
		case errors.Is(err, revoke.ErrRevoked):
			d.refusals++
		}
	}
}

// TestTheSequenceNeverGoesBack has a replica start anew and clocks be set at any time.
func TestTheSequenceNeverGoesBack(t *testing.T) {
	refusals := 0
	rapid.Check(t, func(rt *rapid.T) {
		d := &drill{rt: rt, t: t, ledger: &ledger{}, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), raised: map[identity.Ref]uint64{}}
		d.start()
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			d.step()
			d.check()
		}
		refusals += d.refusals
	})
	if refusals == 0 {
		t.Error("nothing was ever refused")
	}
}
