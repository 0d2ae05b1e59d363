package directory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// counted counts how often people are read, and lets a test act in the middle of it.
type counted struct {
	*memory
	reads  int
	during func()
}

func (c *counted) Person(ctx context.Context, id string) (directory.Person, error) {
	p, err := c.memory.Person(ctx, id)
	c.reads++
	if c.during != nil {
		c.during()
	}
	return p, err
}

// remembering is a house whose service remembers, with a person in it.
func remembering(t *testing.T) (h *house, store *counted, s *directory.Service, person string, applied *uint64) {
	h = newHouse()
	store, applied = &counted{memory: h.memory}, new(uint64)
	s = directory.NewService(directory.Options{
		People: store, Groups: h.memory, Connections: h.memory, Applied: func() uint64 { return *applied }, Now: func() time.Time { return h.now },
	})
	return h, store, s, h.arrive(t, "acme", "1", "").ID, applied
}

func TestAPersonIsReadOnceInAWhile(t *testing.T) {
	h, store, s, person, applied := remembering(t)
	*applied = 3
	for range 5 {
		if p, rev, err := s.Recently(t.Context(), person, "acme"); err != nil || p.ID != person || rev != 3 {
			t.Fatalf("%+v, known since %d: %v", p, rev, err)
		}
		*applied++ // what concerns others
	}
	if store.reads != 1 {
		t.Errorf("five questions read the person %d times", store.reads)
	}
	h.now = h.now.Add(5 * time.Second)
	if _, rev, err := s.Recently(t.Context(), person, "acme"); err != nil || rev != 8 || store.reads != 2 {
		t.Errorf("after a while: known since %d, read %d times: %v", rev, store.reads, err)
	}
	h.now = h.now.Add(-time.Hour)
	if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil || store.reads != 3 {
		t.Errorf("with the clock set back: read %d times: %v", store.reads, err)
	}
}

func TestWhatIsTakenFromSomebodyIsKnownAtOnce(t *testing.T) {
	for name, take := range map[string]func(s *directory.Service, h *house, person string){
		"revoked elsewhere": func(s *directory.Service, _ *house, person string) {
			s.Invalidate(revoke.Entry{Ref: identity.Person(person)})
		},
		"an app revoked elsewhere": func(s *directory.Service, _ *house, person string) {
			s.Invalidate(revoke.Entry{Ref: identity.Install(person, "app")})
		},
		"switched off here": func(s *directory.Service, _ *house, person string) {
			if err := s.SetPersonDisabled(t.Context(), person, true, actor); err != nil {
				t.Fatal(err)
			}
		},
		"signed in with other groups": func(s *directory.Service, _ *house, _ string) {
			again := identity.Authentication{Connection: "acme", Subject: "1"}
			if _, err := s.SignIn(t.Context(), directory.Arrival{Authentication: again}, actor); err != nil {
				t.Fatal(err)
			}
		},
	} {
		h, store, s, person, _ := remembering(t)
		if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil {
			t.Fatal(err)
		}
		take(s, h, person)
		if _, _, _ = s.Recently(t.Context(), person, "acme"); store.reads != 2 {
			t.Errorf("%s: the person was read %d times", name, store.reads)
		}
	}
	h, _, s, person, _ := remembering(t)
	if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetConnectionDisabled(t.Context(), "acme", true, actor); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Recently(t.Context(), person, "acme"); !errors.Is(err, directory.ErrConnectionDisabled) {
		t.Errorf("over a connection that was switched off at %s: %v", h.now, err)
	}
}

func TestWhoLosesSomethingWhileTheyAreReadIsNotRemembered(t *testing.T) {
	_, store, s, person, _ := remembering(t)
	store.during = func() { s.Invalidate(revoke.Entry{Ref: identity.Person(person)}) }
	if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil {
		t.Fatal(err)
	}
	store.during = nil
	if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil || store.reads != 2 {
		t.Errorf("read %d times: %v", store.reads, err)
	}
	if _, _, err := s.Recently(t.Context(), person, "acme"); err != nil || store.reads != 2 {
		t.Errorf("control: read %d times: %v", store.reads, err)
	}
}

func TestMappingsGoOnForAWhileWhenTheStoreDoesNotAnswer(t *testing.T) {
	h, _, s, person, _ := remembering(t)
	group := identity.GroupRef{Connection: "acme", ID: "g"}
	if err := s.Map(t.Context(), directory.Mapping{Group: group, Name: "staff"}, actor); err != nil {
		t.Fatal(err)
	}
	p := directory.Person{ID: person, Groups: []directory.Membership{{Group: group}}}
	names := func() ([]string, error) { return s.GroupNames(t.Context(), p) }
	if got, err := names(); err != nil || !slices.Equal(got, []string{"staff"}) {
		t.Fatalf("control: %v %v", got, err)
	}
	h.fails = fault.New(fault.Unavailable, "store_unavailable", "no answer")
	h.now = h.now.Add(4 * time.Second)
	if got, err := names(); err != nil || !slices.Equal(got, []string{"staff"}) {
		t.Errorf("after 4 seconds: %v %v", got, err)
	}
	h.now = h.now.Add(time.Second)
	if got, err := names(); err == nil {
		t.Errorf("after 5 seconds: %v", got)
	}
	h.fails = nil
	if _, err := names(); err != nil {
		t.Errorf("when it answers again: %v", err)
	}
	h.fails = fault.New(fault.Unavailable, "store_unavailable", "no answer")
	s.Forget()
	if got, err := names(); err == nil {
		t.Errorf("after a change that was made here: %v", got)
	}
}

// slow is a store of mappings that counts how often it is read.
type slow struct {
	*memory
	reads int
}

func (s *slow) Mappings(ctx context.Context) ([]directory.Mapping, error) {
	s.reads++
	return s.memory.Mappings(ctx)
}

func TestMappingsAreReadFourTimesASecondAtMost(t *testing.T) {
	h := newHouse()
	store := &slow{memory: h.memory}
	s := directory.NewService(directory.Options{People: h.memory, Groups: store, Connections: h.memory, Now: func() time.Time { return h.now }})
	ask := func() {
		t.Helper()
		if _, err := s.GroupNames(t.Context(), directory.Person{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		ask()
	}
	if store.reads != 1 {
		t.Errorf("read %d times at once", store.reads)
	}
	h.now = h.now.Add(250 * time.Millisecond)
	ask()
	if store.reads != 2 {
		t.Errorf("read %d times a quarter second later", store.reads)
	}
	if err := s.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "g"}, Name: "staff"}, actor); err != nil {
		t.Fatal(err)
	}
	before := store.reads
	if ask(); store.reads != before+1 {
		t.Errorf("after a change: read %d times more", store.reads-before)
	}
}
