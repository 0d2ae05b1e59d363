package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// chain is a log of so many seals with two entries each, and where a target is.
type chain struct {
	seals int64
	at    map[string]int64
}

func (c *chain) LastSeal(context.Context) (audit.Seal, bool, error) {
	return audit.Seal{Number: c.seals}, c.seals > 0, nil
}

func (c *chain) Sealed(_ context.Context, n int64) (audit.Seal, []audit.Entry, error) {
	at := time.Unix(n, 0).UTC()
	e := func(typ string) audit.Entry {
		return audit.Entry{Event: event.New(at, typ, identity.System("test"), identity.Person("p")), Seal: n}
	}
	return audit.Seal{Number: n, Time: at, Count: 2, Head: []byte("head")}, []audit.Entry{e("a.done"), e("b.done")}, nil
}

func (c *chain) Exported(_ context.Context, target string) (int64, error) { return c.at[target], nil }

func (c *chain) SetExported(_ context.Context, target string, from, to int64) error {
	if c.at[target] != from {
		return audit.ErrFollowed
	}
	c.at[target] = to
	return nil
}

// shelf keeps copies while it takes them.
type shelf struct {
	seals []int64
	fail  error
	tried int
}

func (s *shelf) Copy(_ context.Context, seal audit.Seal, entries []audit.Entry) error {
	s.tried++
	if s.fail != nil {
		return s.fail
	}
	if len(entries) != 2 || entries[0].Seal != seal.Number {
		return errors.New("other entries")
	}
	s.seals = append(s.seals, seal.Number)
	return nil
}

func TestAFollowerCopiesEverySealInOrderAndGoesOnWhereItWas(t *testing.T) {
	c, s := &chain{seals: 50, at: map[string]int64{}}, &shelf{}
	f := &audit.Follower{Store: c, Name: "file", Target: s, Now: time.Now}
	if n, err := f.Waiting(t.Context()); n != 50 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	for range 3 {
		if err := f.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.seals = 52
	other := &audit.Follower{Store: c, Name: "file", Target: s, Now: time.Now} // after a restart
	if err := other.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := make([]int64, 52)
	for i := range want {
		want[i] = int64(i) + 1
	}
	if !slices.Equal(s.seals, want) {
		t.Errorf("%v", s.seals)
	}
	if n, err := f.Waiting(t.Context()); n != 0 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
}

func TestATargetThatTakesNothingIsTriedEverMoreRarelyAndMissesNothing(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	c, s := &chain{seals: 3, at: map[string]int64{}}, &shelf{fail: errors.New("disk full")}
	f := &audit.Follower{Store: c, Name: "file", Target: s, Now: func() time.Time { return now }}
	told := 0
	for range 600 {
		if err := f.Follow(t.Context()); err != nil {
			told++
			if !strings.Contains(err.Error(), "disk full") {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Second)
	}
	if s.tried != told || told < 10 || told > 20 {
		t.Errorf("tried %d times in ten minutes, told %d times", s.tried, told)
	}
	s.fail = nil
	now = now.Add(time.Minute)
	if err := f.Follow(t.Context()); err != nil || !slices.Equal(s.seals, []int64{1, 2, 3}) {
		t.Errorf("%v %v", s.seals, err)
	}
}

func TestOfTwoFollowersOneStops(t *testing.T) {
	c := &chain{seals: 5, at: map[string]int64{}}
	mine := &shelf{}
	f := &audit.Follower{Store: c, Name: "file", Target: overtaken{mine, c}, Now: time.Now}
	if err := f.Follow(t.Context()); !errors.Is(err, audit.ErrFollowed) {
		t.Errorf("%v", err)
	}
	if len(mine.seals) != 1 || c.at["file"] != 4 {
		t.Errorf("%v, at %d", mine.seals, c.at["file"])
	}
}

// overtaken is a target during whose copy another replica moves on.
type overtaken struct {
	*shelf
	c *chain
}

func (o overtaken) Copy(ctx context.Context, seal audit.Seal, entries []audit.Entry) error {
	o.c.at["file"] = 4
	return o.shelf.Copy(ctx, seal, entries)
}

func TestLinesAreTheEntriesAndThenTheirSeal(t *testing.T) {
	seal, entries, _ := (&chain{}).Sealed(t.Context(), 7)
	lines, err := audit.Lines(seal, entries)
	if err != nil || len(lines) != 3 {
		t.Fatalf("%d %v", len(lines), err)
	}
	for i, want := range []string{"a.done", "b.done", "audit.seal"} {
		var read struct {
			Type   string
			Number int64
			Seal   int64
		}
		if err := json.Unmarshal(lines[i].Text, &read); err != nil || read.Type != want || lines[i].Type != want || read.Number+read.Seal != 7 {
			t.Errorf("%s: %v", lines[i].Text, err)
		}
		if strings.ContainsAny(string(lines[i].Text), "\n") {
			t.Error("a line has an end within")
		}
	}
}
