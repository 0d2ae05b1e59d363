package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// heapGrowth is how far the heap may grow between two collections, in per cent:
	// ours is small and most of it garbage of requests, so that Go's 100 would spend a
	// tenth of the time on collecting.
	heapGrowth = 800
	// heapExtra is by how much one with a mebibyte in use may grow, and one with more by as
	// many times as much as the square root of that: what collecting takes grows with what
	// is in use, and what lies about is memory that others could have (Kirisame, Shenoy and
	// Panchekha, Optimal Heap Limits for Reducing Browser Memory Use, 2022, section 3).
	heapExtra = 48 << 20
	// heapPause is how often the heap is looked at.
	heapPause = time.Second
	// idleBytes is how little is allocated between two looks by a broker that nobody
	// asks anything.
	idleBytes = 2 << 20
	// garbageBytes is how much may lie about meanwhile.
	garbageBytes = 8 << 20
)

// heap gives the memory of a broker that is idle back to the machine: with
// heapGrowth, garbage would lie about until there is much of it.
type heap struct {
	// allocated is how many bytes there ever were on the heap.
	allocated func() uint64
	// release collects the garbage and gives it back.
	release func()

	last, clean uint64 // allocated at the last look, and when the garbage was collected
}

// tendHeap sets how the heap grows, unless GOGC does, and looks after it until ctx
// ends. Where memory is limited, as in a container, the heap keeps below that, unless
// GOMEMLIMIT says what it keeps to.
func tendHeap(ctx context.Context) {
	limitMemory(memlimit.FromCgroup)
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(heapGrowth)
	h := &heap{allocated: func() uint64 { return sampled("/gc/heap/allocs:bytes") }, release: debug.FreeOSMemory}
	growth := heapGrowth
	afterCollections(ctx, func() {
		if next := growthOf(sampled("/gc/heap/live:bytes")); next != growth {
			growth = next
			debug.SetGCPercent(growth)
		}
	})
	go func() {
		ticker := time.NewTicker(heapPause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				h.look()
			case <-ctx.Done():
				return
			}
		}
	}()
}

// limitMemory has collections come as often as it takes to keep to nine tenths of a limit:
// the rest is for what is not Go's. Where none can be told, there is none.
func limitMemory(of memlimit.Provider) {
	_, _ = memlimit.Set(memlimit.WithProvider(of))
}

// afterCollections runs do after each collection until ctx ends: within a second, a heap
// that grew may grow by as many times again.
func afterCollections(ctx context.Context, do func()) {
	type mark struct{ _ *byte } // one with a pointer has no neighbours that keep it
	runtime.SetFinalizer(&mark{}, func(*mark) {
		if ctx.Err() == nil {
			do()
			afterCollections(ctx, do)
		}
	})
}

// growthOf is how far a heap may grow of which so many bytes are in use: in per cent, in
// whole tens, so that it does not change all the time, and never less than Go's 100.
func growthOf(live uint64) int {
	mebibytes := max(float64(live), 1) / (1 << 20)
	growth := 100 * heapExtra / (1 << 20) / math.Sqrt(mebibytes)
	return max(100, min(heapGrowth, int(growth)/10*10))
}

func sampled(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// look collects garbage when little was added to it since the last look.
func (h *heap) look() {
	now := h.allocated()
	idle := now-h.last < idleBytes
	h.last = now
	if idle && now-h.clean > garbageBytes {
		h.release()
		h.clean = now
	}
}
