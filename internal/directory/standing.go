package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Assigned is a role in an app that somebody was given by name.
type Assigned struct {
	ID   string `json:"id"`
	App  string `json:"app"` // internal id
	Role string `json:"role"`
	// From and Until bound it; zero for no bound.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Holds reports whether the role is the person's at the time.
func (a Assigned) Holds(at time.Time) bool {
	return !at.Before(a.From) && (a.Until.IsZero() || at.Before(a.Until))
}

// The attributes that rules may ask for.
const (
	AttributeDepartment  = "department"
	AttributeLocale      = "locale"
	AttributeEmailDomain = "email_domain"
)

// Attributes lists the attributes that rules may ask for.
func Attributes() []string {
	return []string{AttributeDepartment, AttributeEmailDomain, AttributeLocale}
}

// Attribute returns what the profile says of one of the Attributes, empty for nothing.
// A domain counts only while the address is verified.
func (p Profile) Attribute(name string) string {
	switch name {
	case AttributeDepartment:
		return p.Department
	case AttributeLocale:
		return p.Locale
	case AttributeEmailDomain:
		if _, domain, ok := strings.Cut(p.Email, "@"); ok && p.EmailVerified {
			return strings.ToLower(domain)
		}
	}
	return ""
}

// Standing is which groups a person is in at a time.
type Standing struct {
	At time.Time
	// Memberships are those that hold.
	Memberships []Membership
	// Names are what mappings make of them, sorted, each once.
	Names []string
}

// In reports whether the person is a member of the upstream group.
func (s *Standing) In(g identity.GroupRef) bool {
	for i := range s.Memberships {
		if s.Memberships[i].Group == g {
			return true
		}
	}
	return false
}

// StandingOf returns which of the groups hold at the time, and what names makes of them.
func StandingOf(groups []Membership, names map[identity.GroupRef]string, at time.Time) Standing {
	s := Standing{At: at, Memberships: groups}
	over := func(m Membership) bool { return !m.Holds(at) }
	if slices.ContainsFunc(groups, over) {
		s.Memberships = slices.DeleteFunc(slices.Clone(groups), over)
	}
	s.Names = NamesOf(Person{Groups: s.Memberships}, names, at)
	return s
}

// Standing returns which groups the person is in now.
func (s *Service) Standing(ctx context.Context, p Person) (Standing, error) {
	facts, err := s.facts.Get(ctx)
	if err != nil {
		return Standing{}, err
	}
	return StandingOf(p.Groups, facts.names, s.now()), nil
}
