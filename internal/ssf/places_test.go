package ssf

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// taking takes places for a client, of which some may be refused.
func taking(t *testing.T, p *places, client string, n int) (got []*place) {
	t.Helper()
	for range n {
		one, err := p.take(client)
		if err == nil {
			got = append(got, one)
		} else if !errors.Is(err, errCrowded) || fault.KindOf(err) != fault.TooMany || httpx.RetryAfter(err) == "" {
			t.Errorf("%v", err)
		}
	}
	return got
}

// lost counts the places that were taken away again.
func lost(held []*place) (n int) {
	for _, one := range held {
		select {
		case <-one.over:
			n++
		default:
		}
	}
	return n
}

func TestOneClientTakesNoMoreThanItsPlacesHoweverOftenItPolls(t *testing.T) {
	p := newPlaces(8, 4)
	greedy := taking(t, p, "greedy", 100)
	if len(greedy) != 4 || lost(greedy) != 0 {
		t.Errorf("it has %d, and lost %d", len(greedy), lost(greedy))
	}
	if other := taking(t, p, "other", 1); len(other) != 1 { // the control
		t.Error("another gets none")
	}
	p.leave(greedy[1])
	if again := taking(t, p, "greedy", 2); len(again) != 1 {
		t.Errorf("for one that it left it gets %d", len(again))
	}
}

func TestWhenAllPlacesAreTakenWhoHasFewestGetsOneOfWhoHasMost(t *testing.T) {
	p := newPlaces(8, 4)
	one, two := taking(t, p, "one", 4), taking(t, p, "two", 4)
	late := taking(t, p, "late", 10)
	if len(late) != 2 || lost(one)+lost(two) != 2 || lost(late) != 0 {
		t.Errorf("who came late got %d: of the others %d and %d were taken away", len(late), lost(one), lost(two))
	}
	if lost(one) == 1 && lost(one[:1]) != 1 || lost(two) == 1 && lost(two[:1]) != 1 {
		t.Error("it is not the one that was held for longest")
	}
	for _, held := range [][]*place{one, two, late} {
		for _, each := range held { // also those that were taken away
			p.leave(each)
		}
	}
	if p.taken != 0 || len(p.of) != 0 {
		t.Errorf("once all have left, %d are taken by %d", p.taken, len(p.of))
	}
}

func TestManyClientsThatAreEachGreedyShareThePlaces(t *testing.T) {
	p := newPlaces(16, 4)
	for i := range 16 {
		taking(t, p, fmt.Sprint("client-", i), 100)
	}
	for i := range 16 {
		if n := len(p.of[fmt.Sprint("client-", i)]); n != 1 {
			t.Errorf("client %d has %d of 16 places", i, n)
		}
	}
	if p.taken != 16 || len(taking(t, p, "seventeenth", 1)) != 0 {
		t.Errorf("%d places are taken, and one more could be", p.taken)
	}
}
