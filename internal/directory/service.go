package directory

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/memo"
)

// signInLife is how long a membership holds that only a sign-in told of.
const signInLife = 12 * time.Hour

// cacheLife is how long mappings and connection states are remembered: a change
// at another replica is known within it. Tokens and sessions do not wait for it,
// since disabling revokes them.
const cacheLife = 250 * time.Millisecond

// groupName is what a manifest may call a group.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// ErrGroupName refuses a mapping to a name that no manifest could use.
var ErrGroupName = fault.New(fault.Invalid, "group_name", "a group's name has letters, digits and . _ : - only, at most 128").At("name")

// Options are what a Service needs. All but Known, Provisioning, Spared and Applied are required.
type Options struct {
	People      Store
	Groups      GroupStore
	Connections ConnectionStore
	// Known reports whether there is a connection: whoever came over one that there is
	// no longer may not act. Nil takes every connection.
	Known func(ctx context.Context, connection string) (bool, error)
	// Provisioning says who signs in over a connection; nil means JITAndSCIM for all.
	Provisioning func(ctx context.Context, connection string) (Provisioning, error)
	// Spared names the groups that make roles, for a connection that may push and not
	// change whoever has one; nil spares nobody.
	Spared func(ctx context.Context, connection string) ([]string, error)
	// Applied is the highest revocation number that this replica has applied; nil has
	// Recently remember nobody.
	Applied func() uint64
	Now     func() time.Time
}

// Service changes the directory and answers who may act.
type Service struct {
	o Options

	facts  *memo.Memo[facts]
	recent recently
}

// NewService returns a Service.
func NewService(o Options) *Service {
	s := &Service{o: o}
	s.facts = memo.New(memo.Options[facts]{Read: s.o.readFacts, Life: cacheLife, Spare: recentLife, Now: s.o.Now})
	return s
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Arrival is what a sign-in brings.
type Arrival struct {
	Authentication identity.Authentication
	// Profile and Groups, upstream group ids, are what the claim rules made of it.
	Profile Profile
	Groups  []string
	// ExternalID is what the connection's SCIM records call the person.
	ExternalID string
}

// SignIn records that the owner of an upstream subject signed in: with what the
// claim rules made of the assertion, in one transaction. A first sign-in makes
// the person, unless there is one whose SCIM record it is. The groups replace what an
// earlier sign-in over the same connection told. A disabled person or connection is
// refused, and so is who has left, or was to come by SCIM and did not.
func (s *Service) SignIn(ctx context.Context, in Arrival, actor identity.Actor) (Person, error) {
	a := in.Authentication
	if err := s.connectionUsable(ctx, a.Connection); err != nil {
		return Person{}, err
	}
	by, err := s.provisioning(ctx, a.Connection)
	if err != nil {
		return Person{}, err
	}
	facts, err := s.facts.Get(ctx)
	if err != nil {
		return Person{}, err
	}
	key := Key{Connection: a.Connection, Subject: a.Subject}
	if by != JIT {
		key.ExternalID = in.ExternalID
		if key.Spared, err = s.spared(ctx, a.Connection); err != nil {
			return Person{}, err
		}
	}
	now := s.now()
	p, err := s.o.People.SignIn(ctx, key, func(old *Person) (Person, []event.Event, error) {
		var p Person
		if old != nil {
			p = *old
		} else {
			p = Person{ID: identity.NewID(), Created: now}
		}
		subject, events := identity.Person(p.ID), []event.Event(nil)
		switch {
		case old == nil:
			events = append(events, event.New(now, "person.created", actor, subject, "connection", a.Connection))
		case old.Disabled:
			return Person{}, nil, ErrPersonDisabled
		}
		if err := p.Over(a.Connection, by); err != nil {
			return Person{}, nil, err
		}
		e := event.New(now, "person.signed_in", actor, subject, "connection", a.Connection)
		p.signedIn(a, in.Profile, in.Groups, e)
		events = append(events, e)
		if old != nil {
			if fields := changedFields(*old, p, facts.names); len(fields) > 0 {
				events = append(events, event.New(now, "person.changed", actor, subject, "connection", a.Connection, "fields", strings.Join(fields, " ")))
			}
		}
		return p, events, nil
	})
	if err != nil {
		return Person{}, fmt.Errorf("sign in: %w", err)
	}
	s.recent.forget(p.ID)
	return p, nil
}

// signedIn notes a sign-in: e tells of it.
func (p *Person) signedIn(a identity.Authentication, profile Profile, groups []string, e event.Event) {
	now := e.Time
	p.Profile, p.Updated = profile, now
	p.Identities = slices.Clone(p.Identities)
	own := slices.IndexFunc(p.Identities, func(i Identity) bool { return i.Connection == a.Connection && i.Subject == a.Subject })
	if own < 0 {
		p.Identities, own = append(p.Identities, Identity{Connection: a.Connection, Subject: a.Subject}), len(p.Identities)
	}
	p.Identities[own].LastSignIn = now
	told := map[identity.GroupRef]Membership{}
	kept := slices.DeleteFunc(slices.Clone(p.Groups), func(m Membership) bool {
		replaced := m.Group.Connection == a.Connection && m.Source == SourceSignIn
		if replaced && m.Holds(now) {
			told[m.Group] = m
		}
		return replaced
	})
	for _, id := range groups {
		m := Membership{Group: identity.GroupRef{Connection: a.Connection, ID: id}, Source: SourceSignIn, Since: now, Origin: e.ID}
		if before, ok := told[m.Group]; ok { // it goes on
			m = before
		}
		m.ValidUntil = now.Add(signInLife)
		kept = append(kept, m)
	}
	p.Groups = kept
}

func (s *Service) provisioning(ctx context.Context, connection string) (Provisioning, error) {
	if s.o.Provisioning == nil {
		return JITAndSCIM, nil
	}
	return s.o.Provisioning(ctx, connection)
}

func (s *Service) spared(ctx context.Context, connection string) ([]string, error) {
	if s.o.Spared == nil {
		return nil, nil
	}
	return s.o.Spared(ctx, connection)
}

// Owner returns the person who is known over a connection by an upstream subject,
// ErrPersonNotFound for nobody. It makes nobody, and says nothing of whether they and
// the connection may act: Usable does.
func (s *Service) Owner(ctx context.Context, connection, subject string) (Person, error) {
	return s.o.People.PersonByIdentity(ctx, connection, subject)
}

// Usable returns the person if they and the connection may act.
func (s *Service) Usable(ctx context.Context, person, connection string) (Person, error) {
	if err := s.connectionUsable(ctx, connection); err != nil {
		return Person{}, err
	}
	p, err := s.o.People.Person(ctx, person)
	if err != nil {
		return Person{}, err
	}
	if p.Disabled {
		return Person{}, ErrPersonDisabled
	}
	by, err := s.provisioning(ctx, connection)
	if err != nil {
		return Person{}, err
	}
	if err := p.Over(connection, by); err != nil {
		return Person{}, err
	}
	return p, nil
}

// SetPersonDisabled switches a person off, which revokes everything that carries
// them, or on again, which gives nothing back.
func (s *Service) SetPersonDisabled(ctx context.Context, id string, disabled bool, actor identity.Actor) error {
	defer s.recent.forget(id)
	_, err := s.o.People.UpdatePerson(ctx, id, s.Disabling(id, disabled, actor))
	return err
}

// Disabling returns the change that SetPersonDisabled makes, for a transaction that
// has more in it.
func (s *Service) Disabling(id string, disabled bool, actor identity.Actor) func(Person) (Person, []event.Event, error) {
	return func(p Person) (Person, []event.Event, error) {
		if p.Disabled == disabled {
			return p, nil, nil
		}
		p.Disabled, p.Updated = disabled, s.now()
		e := event.New(p.Updated, "person.enabled", actor, identity.Person(id))
		if disabled {
			e.Type = "person.disabled"
			e = e.Revoking(identity.Person(id))
		}
		return p, []event.Event{e}, nil
	}
}

// SetConnectionDisabled switches a connection off or on, like SetPersonDisabled.
func (s *Service) SetConnectionDisabled(ctx context.Context, id string, disabled bool, actor identity.Actor) error {
	e := event.New(s.now(), "connection.enabled", actor, identity.Connection(id))
	if disabled {
		e.Type = "connection.disabled"
		e = e.Revoking(identity.Connection(id))
	}
	defer s.Forget()
	return s.o.Connections.SetConnectionState(ctx, ConnectionState{ID: id, Disabled: disabled}, []event.Event{e})
}

// Map gives an upstream group a name.
func (s *Service) Map(ctx context.Context, m Mapping, actor identity.Actor) error {
	events, err := s.Mapping(m, actor)
	if err != nil {
		return err
	}
	defer s.Forget()
	return s.o.Groups.SetMapping(ctx, m, events)
}

// Mapping returns what tells of a mapping, or refuses its name.
func (s *Service) Mapping(m Mapping, actor identity.Actor) ([]event.Event, error) {
	if !groupName.MatchString(m.Name) {
		return nil, ErrGroupName
	}
	return []event.Event{event.New(s.now(), "group.mapped", actor, groupSubject(m.Group), "name", m.Name)}, nil
}

// Unmap takes an upstream group's name away: it then grants nothing.
func (s *Service) Unmap(ctx context.Context, g identity.GroupRef, actor identity.Actor) error {
	defer s.Forget()
	return s.o.Groups.RemoveMapping(ctx, g, s.Unmapping(g, actor))
}

// Unmapping returns what tells of a mapping that goes.
func (s *Service) Unmapping(g identity.GroupRef, actor identity.Actor) []event.Event {
	return []event.Event{event.New(s.now(), "group.unmapped", actor, groupSubject(g))}
}

func groupSubject(g identity.GroupRef) identity.Ref {
	return identity.Ref{Kind: identity.KindGroup, ID: g.Connection + "/" + g.ID}
}

// ConnectionEnabled reports whether people may sign in over the connection.
func (s *Service) ConnectionEnabled(ctx context.Context, id string) (bool, error) {
	err := s.connectionUsable(ctx, id)
	if errors.Is(err, ErrConnectionDisabled) || errors.Is(err, ErrConnectionRemoved) {
		return false, nil
	}
	return err == nil, err
}

func (s *Service) connectionUsable(ctx context.Context, id string) error {
	if s.o.Known != nil {
		known, err := s.o.Known(ctx, id)
		if err != nil {
			return err
		}
		if !known {
			return ErrConnectionRemoved
		}
	}
	facts, err := s.facts.Get(ctx)
	if err == nil && facts.disabled[id] {
		err = ErrConnectionDisabled
	}
	return err
}

// GroupNames returns the names of the person's groups that hold now, sorted.
func (s *Service) GroupNames(ctx context.Context, p Person) ([]string, error) {
	standing, err := s.Standing(ctx, p)
	return standing.Names, err
}

// NamesOf returns what names makes of those of the person's groups that hold at
// time now, sorted: a group without a name grants nothing.
func NamesOf(p Person, names map[identity.GroupRef]string, now time.Time) []string {
	var of []string
	for _, m := range p.Groups {
		if name := names[m.Group]; name != "" && m.Holds(now) {
			of = append(of, name)
		}
	}
	slices.Sort(of)
	return slices.Compact(of)
}

// Forget makes the next question read mappings and states again.
func (s *Service) Forget() { s.facts.Forget() }

// facts are what decides on everybody. They are replaced, never changed. While the store
// does not answer, those of lately go on: who is not known to be revoked is not locked
// out by a database that restarts.
type facts struct {
	names    map[identity.GroupRef]string // by the mappings
	disabled map[string]bool              // connections
}

func (o *Options) readFacts(ctx context.Context) (facts, error) {
	mappings, err := o.Groups.Mappings(ctx)
	if err != nil {
		return facts{}, err
	}
	states, err := o.Connections.ConnectionStates(ctx)
	if err != nil {
		return facts{}, err
	}
	f := facts{map[identity.GroupRef]string{}, map[string]bool{}}
	for _, m := range mappings {
		f.names[m.Group] = m.Name
	}
	for _, c := range states {
		f.disabled[c.ID] = c.Disabled
	}
	return f, nil
}
