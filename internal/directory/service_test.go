package directory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// memory is a directory's stores for one test at a time.
type memory struct {
	people   map[string]directory.Person
	mappings []directory.Mapping
	states   []directory.ConnectionState
	events   []event.Event
	fails    error
	directory.Store
}

func (m *memory) Person(_ context.Context, id string) (directory.Person, error) {
	p, ok := m.people[id]
	if !ok {
		return p, directory.ErrPersonNotFound
	}
	return p, m.fails
}

func (m *memory) SignIn(_ context.Context, key directory.Key, change func(*directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	var old *directory.Person
	for _, p := range m.people {
		if slices.ContainsFunc(p.Identities, func(i directory.Identity) bool { return i.Connection == key.Connection && i.Subject == key.Subject }) {
			old = &p
		}
	}
	p, events, err := change(old)
	if err == nil {
		m.people[p.ID], m.events = p, append(m.events, events...)
	}
	return p, err
}

func (m *memory) UpdatePerson(_ context.Context, id string, change func(directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	p, events, err := change(m.people[id])
	if err == nil {
		m.people[id], m.events = p, append(m.events, events...)
	}
	return p, err
}

func (m *memory) Mappings(context.Context) ([]directory.Mapping, error) { return m.mappings, m.fails }

func (m *memory) SetMapping(_ context.Context, set directory.Mapping, events []event.Event) error {
	m.mappings, m.events = append(m.mappings, set), append(m.events, events...)
	return nil
}

func (m *memory) RemoveMapping(_ context.Context, g identity.GroupRef, _ []event.Event) error {
	m.mappings = slices.DeleteFunc(m.mappings, func(one directory.Mapping) bool { return one.Group == g })
	return nil
}

func (m *memory) ConnectionStates(context.Context) ([]directory.ConnectionState, error) {
	return m.states, m.fails
}

func (m *memory) SetConnectionState(_ context.Context, s directory.ConnectionState, events []event.Event) error {
	m.states, m.events = append(m.states, s), append(m.events, events...)
	return nil
}

// house is a service over memory with a clock that a test moves.
type house struct {
	*directory.Service
	*memory
	now time.Time
}

func newHouse() *house {
	h := &house{memory: &memory{people: map[string]directory.Person{}}, now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	h.Service = directory.NewService(directory.Options{People: h.memory, Groups: h.memory, Connections: h.memory, Now: func() time.Time { return h.now }})
	return h
}

var actor = identity.System("test")

func (h *house) arrive(t *testing.T, connection, subject, email string, groups ...string) directory.Person {
	t.Helper()
	p, err := h.Service.SignIn(t.Context(), directory.Arrival{Authentication: identity.Authentication{Connection: connection, Subject: subject}, Profile: directory.Profile{Email: email}, Groups: groups}, actor)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *house) names(t *testing.T, p directory.Person) []string {
	t.Helper()
	names, err := h.GroupNames(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAPersonIsConnectionAndSubjectAndNeverAnAddress(t *testing.T) {
	h := newHouse()
	first := h.arrive(t, "acme", "1", "alice@acme.example")
	for name, other := range map[string]directory.Person{
		"the same address elsewhere": h.arrive(t, "partner", "2", "alice@acme.example"),
		"the same subject elsewhere": h.arrive(t, "partner", "1", "alice@acme.example"),
		"a recycled address":         h.arrive(t, "acme", "3", "alice@acme.example"),
	} {
		if other.ID == first.ID {
			t.Errorf("%s became the same person", name)
		}
	}
	if again := h.arrive(t, "acme", "1", "married@acme.example"); again.ID != first.ID || again.Profile.Email != "married@acme.example" {
		t.Errorf("control: %+v", again)
	}
}

func TestAGroupGrantsWhatAnAdministratorCalledIt(t *testing.T) {
	h := newHouse()
	p := h.arrive(t, "partner", "1", "", "finance", "sales")
	if got := h.names(t, p); len(got) != 0 {
		t.Errorf("groups without a mapping grant %v", got)
	}
	if err := h.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "finance"}, Name: "finance"}, actor); err != nil {
		t.Fatal(err)
	}
	if got := h.names(t, p); len(got) != 0 {
		t.Errorf("another connection's mapping grants %v", got)
	}
	own := identity.GroupRef{Connection: "partner", ID: "finance"}
	if err := h.Map(t.Context(), directory.Mapping{Group: own, Name: "partner-finance"}, actor); err != nil {
		t.Fatal(err)
	}
	if got := h.names(t, p); !slices.Equal(got, []string{"partner-finance"}) {
		t.Errorf("control: %v", got)
	}
	if err := h.Unmap(t.Context(), own, actor); err != nil {
		t.Fatal(err)
	}
	if got := h.names(t, p); len(got) != 0 {
		t.Errorf("the name was taken away, and grants %v", got)
	}
	if err := h.Map(t.Context(), directory.Mapping{Group: own, Name: "no name"}, actor); !errors.Is(err, directory.ErrGroupName) {
		t.Errorf("a name that no manifest could use: %v", err)
	}
}

func TestWhatASignInToldHoldsForTwelveHoursAndIsReplacedByTheNext(t *testing.T) {
	h := newHouse()
	for _, g := range []string{"a", "b"} {
		h.mappings = append(h.mappings, directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: g}, Name: g})
	}
	p := h.arrive(t, "acme", "1", "", "a", "b")
	h.now = h.now.Add(12*time.Hour - time.Microsecond)
	if got := h.names(t, p); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("before twelve hours: %v", got)
	}
	h.now = h.now.Add(time.Microsecond)
	if got := h.names(t, p); len(got) != 0 {
		t.Errorf("after twelve hours: %v", got)
	}
	if got := h.names(t, h.arrive(t, "acme", "1", "", "b")); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after another sign-in: %v", got)
	}
}

func TestWhoIsSwitchedOffDoesNotSignInAndIsRevoked(t *testing.T) {
	h := newHouse()
	p := h.arrive(t, "acme", "1", "")
	if err := h.SetPersonDisabled(t.Context(), p.ID, true, actor); err != nil {
		t.Fatal(err)
	}
	last := h.events[len(h.events)-1]
	if last.Type != "person.disabled" || !slices.Contains(last.Revokes, identity.Person(p.ID)) {
		t.Errorf("the event is %+v", last)
	}
	again := identity.Authentication{Connection: "acme", Subject: "1"}
	if _, err := h.Service.SignIn(t.Context(), directory.Arrival{Authentication: again}, actor); !errors.Is(err, directory.ErrPersonDisabled) {
		t.Errorf("signs in: %v", err)
	}
	if _, err := h.Usable(t.Context(), p.ID, "acme"); !errors.Is(err, directory.ErrPersonDisabled) {
		t.Errorf("is usable: %v", err)
	}
	if err := h.SetPersonDisabled(t.Context(), p.ID, false, actor); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Usable(t.Context(), p.ID, "acme"); err != nil {
		t.Errorf("control: %v", err)
	}
	if err := h.SetConnectionDisabled(t.Context(), "acme", true, actor); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Service.SignIn(t.Context(), directory.Arrival{Authentication: again}, actor); !errors.Is(err, directory.ErrConnectionDisabled) {
		t.Errorf("over a connection that is off: %v", err)
	}
	if _, err := h.Usable(t.Context(), p.ID, "acme"); !errors.Is(err, directory.ErrConnectionDisabled) {
		t.Errorf("usable over a connection that is off: %v", err)
	}
	if _, err := h.Usable(t.Context(), p.ID, "partner"); err != nil {
		t.Errorf("over another: %v", err)
	}
}

func TestADirectoryThatDoesNotAnswerLetsNobodyIn(t *testing.T) {
	h := newHouse()
	p := h.arrive(t, "acme", "1", "")
	h.fails = errors.New("no answer")
	h.Forget()
	if _, err := h.Usable(t.Context(), p.ID, "acme"); !errors.Is(err, h.fails) {
		t.Errorf("usable: %v", err)
	}
	if _, err := h.GroupNames(t.Context(), p); !errors.Is(err, h.fails) {
		t.Errorf("groups: %v", err)
	}
	if on, err := h.ConnectionEnabled(t.Context(), "acme"); on || !errors.Is(err, h.fails) {
		t.Errorf("connection: %v %v", on, err)
	}
}

// TestWhoeverCameOverAConnectionThatIsGoneMayNotAct is about a connection that was
// taken out of the configuration and never disabled.
func TestWhoeverCameOverAConnectionThatIsGoneMayNotAct(t *testing.T) {
	h := newHouse()
	p := h.arrive(t, "partner", "1", "paul@partner.example")
	after := directory.NewService(directory.Options{
		People: h.memory, Groups: h.memory, Connections: h.memory, Now: func() time.Time { return h.now },
		Known: func(_ context.Context, id string) (bool, error) { return id == "acme", nil },
	})
	if _, err := after.Usable(t.Context(), p.ID, "partner"); !errors.Is(err, directory.ErrConnectionRemoved) {
		t.Errorf("over partner: %v", err)
	}
	if on, err := after.ConnectionEnabled(t.Context(), "partner"); on || err != nil {
		t.Errorf("partner is enabled: %v %v", on, err)
	}
	if _, err := after.Usable(t.Context(), p.ID, "acme"); err != nil {
		t.Errorf("over acme: %v", err)
	}
}
