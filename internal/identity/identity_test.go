package identity_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func TestOrderedIDsSortByTimeAndDiffer(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	last, seen := "", map[string]bool{}
	for _, step := range []time.Duration{0, time.Microsecond, 31 * time.Microsecond, time.Second, time.Hour, 10_000 * time.Hour} {
		at = at.Add(step)
		id, twin := identity.NewOrderedID(at), identity.NewOrderedID(at)
		if id == twin || len(id) != 28 || id[:12] != twin[:12] || seen[id] {
			t.Errorf("%s %s", id, twin)
		}
		if step > 0 && id[:12] <= last {
			t.Errorf("%s after %s comes before %s", id, step, last)
		}
		last, seen[id] = id[:12], true
	}
	if at := time.Date(2026, 11, 26, 9, 0, 0, 123456000, time.UTC); !identity.OrderedTime(identity.NewOrderedID(at)).Equal(at) || !identity.OrderedTime(identity.OrderedAt(at)).Equal(at) {
		t.Error("an id does not tell its time")
	}
	if id := identity.NewOrderedID(time.Time{}); id[:12] != "000000000000" {
		t.Errorf("%s before 1970", id)
	}
}

func TestWhatAPersonHasAtAnAppIsNamedByBoth(t *testing.T) {
	all := identity.AppendInstalls([]identity.Ref{identity.Session("s")}, "alice", "app", "https://api.example/v1")
	want := []identity.Ref{identity.Session("s"), identity.Install("alice", "app"), identity.Install("alice", "https://api.example/v1")}
	if !slices.Equal(all, want) {
		t.Errorf("%v", all)
	}
	if person, app, ok := identity.SplitInstall(all[2]); !ok || person != "alice" || app != "https://api.example/v1" {
		t.Errorf("%q %q %v", person, app, ok)
	}
	if _, _, ok := identity.SplitInstall(identity.Grant("alice/app")); ok {
		t.Error("a grant is taken for it")
	}
	if more := identity.AppendInstalls(nil, "alice"); len(more) != 0 {
		t.Errorf("nowhere: %v", more)
	}
	if n := testing.AllocsPerRun(100, func() { all = identity.AppendInstalls(all[:0], "alice", "app-1", "app-2", "app-3") }); n > 1 {
		t.Errorf("%v allocations for three", n)
	}
}

func TestARightIsAScopeOfOneAPI(t *testing.T) {
	for _, c := range []struct{ audience, scope, right string }{
		{"", "payroll.read", "payroll.read"},
		{"payroll-api", "payroll.read", "payroll-api#payroll.read"},
		{"https://api.example/#v1", "read:all/x", "https://api.example/#v1#read:all/x"},
	} {
		if got := identity.Right(c.audience, c.scope); got != c.right {
			t.Errorf("%q at %q: %q", c.scope, c.audience, got)
		}
		if audience, scope := identity.SplitRight(c.right); audience != c.audience || scope != c.scope {
			t.Errorf("%q: %q %q", c.right, audience, scope)
		}
	}
}
