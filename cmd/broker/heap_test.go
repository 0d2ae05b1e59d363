package main

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// TestABrokerTendsItsHeap starts what does not end by itself where it cannot listen.
func TestABrokerTendsItsHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	dir := t.TempDir()
	if err := (&initCommand{Folder: dir}).Run(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GATEHOUSE_LISTEN", "192.0.2.1:1") // an address of nobody's (RFC 5737)
	for name, c := range map[string]struct {
		args []string
		code int
		tend bool
	}{
		"serve":                 {[]string{"serve", "--config", filepath.Join(dir, "broker.yaml")}, client.Failure, true},
		"demo":                  {[]string{"demo", "--addr", "192.0.2.1:1", "--data", filepath.Join(dir, "demo")}, client.Failure, true},
		"control, what is over": {[]string{"version"}, client.OK, false},
	} {
		debug.SetGCPercent(100)
		if code, out := output(t, c.args...); code != c.code {
			t.Errorf("%s: ends with %d, %s", name, code, out)
		}
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		if metrics.Read(sample); sample[0].Value.Uint64() > 100 != c.tend { // by how much depends on what is in use
			t.Errorf("%s: the heap grows by %d %%", name, sample[0].Value.Uint64())
		}
	}
}

func TestMemoryIsGivenBackWhenNobodyAsksAnything(t *testing.T) {
	var total uint64
	released := 0
	h := &heap{allocated: func() uint64 { return total }, release: func() { released++ }}
	for _, step := range []struct {
		what  string
		bytes uint64
		want  int
	}{
		{"while it starts, nothing is done", 30 << 20, 0},
		{"as soon as it is idle, what the start left goes", 1 << 20, 1},
		{"a little garbage may lie", 1 << 20, 1},
		{"under load it may, too", 100 << 20, 1},
		{"until the load ends", 0, 2},
		{"and nothing is done twice", 0, 2},
	} {
		total += step.bytes
		if h.look(); released != step.want {
			t.Errorf("%s: released %d times, want %d", step.what, released, step.want)
		}
	}
}

func TestTheHeapIsLookedAtAfterEachCollection(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	looked := make(chan struct{}, 1)
	afterCollections(ctx, func() { looked <- struct{}{} })
	for range 3 {
		runtime.GC()
		<-looked
	}
	end()
	runtime.GC()
	runtime.GC()
	select {
	case <-looked:
		t.Error("it is looked at when the broker has ended")
	default: // control: nothing goes on
	}
}

func TestTheHeapKeepsBelowALimitOfTheMachine(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for _, c := range []struct {
		what  string
		limit memlimit.Provider
		want  int64
	}{
		{"nobody can tell: as before", func() (uint64, error) { return 0, errors.New("no cgroups here") }, 7 << 30},
		{"a container's", memlimit.Limit(1000 << 20), 900 << 20},
		{"none", func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64},
	} {
		debug.SetMemoryLimit(7 << 30)
		if limitMemory(c.limit); debug.SetMemoryLimit(-1) != c.want {
			t.Errorf("%s: %d, want %d", c.what, debug.SetMemoryLimit(-1), c.want)
		}
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	debug.SetMemoryLimit(7 << 30)
	if limitMemory(memlimit.Limit(1000 << 20)); debug.SetMemoryLimit(-1) != 7<<30 {
		t.Error("what GOMEMLIMIT says does not stand")
	}
}

func TestALargeHeapGrowsLess(t *testing.T) {
	for live, want := range map[uint64]int{0: heapGrowth, 36 << 20: heapGrowth, 64 << 20: 600, 144 << 20: 400, 576 << 20: 200, 4 << 30: 100, 1 << 40: 100} {
		if got := growthOf(live); got != want {
			t.Errorf("%d MB: grows by %d %%, want %d", live>>20, got, want)
		}
	}
}
