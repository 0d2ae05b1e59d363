package ownership

import (
	"context"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Standing says whether an owner is there.
type Standing string

// The standings.
const (
	Present Standing = "present"
	Gone    Standing = "gone"    // disabled, or let in by no connection any more
	Unknown Standing = "unknown" // nobody here has the address
)

// People finds people.
type People interface {
	Person(ctx context.Context, id string) (directory.Person, error)
	Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
}

// mostNamesakes is how many people are looked at who may have an address.
const mostNamesakes = 1000

// standing says whether whoever has an address is there after an event, empty for no
// address. Of several people the one counts whose connection proved the domain; and one
// who is there is enough.
func (s *Service) standing(ctx context.Context, address string, e event.Event) (Standing, error) {
	if address == "" {
		return "", nil
	}
	found, _, err := s.o.People.Search(ctx, directory.Query{Text: address, Limit: mostNamesakes})
	if err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(p directory.Person) bool { return Key(p.Profile.Email) != Key(address) })
	proved := func(p directory.Person) bool { return p.Profile.EmailVerified }
	if slices.ContainsFunc(found, proved) {
		found = slices.DeleteFunc(found, func(p directory.Person) bool { return !proved(p) })
	}
	if len(found) == 0 {
		return Unknown, nil
	}
	for _, p := range found {
		if gone, err := s.gone(ctx, p, e); err != nil || !gone {
			return Present, err
		}
	}
	return Gone, nil
}

// gone reports whether somebody may come over no connection after an event: also where
// they came back since.
func (s *Service) gone(ctx context.Context, p directory.Person, e event.Event) (bool, error) {
	about := e.Subject.ID == p.ID
	if p.Disabled || about && e.Type == "person.disabled" {
		return true, nil
	}
	if len(p.Identities)+len(p.Records) == 0 {
		return false, nil
	}
	for _, connection := range ways(p) {
		switch {
		case about && e.Type == record.PersonLeft && e.Data["connection"] == connection:
			continue
		case closes(e) && e.Subject.ID == connection:
			continue
		}
		if on, err := s.o.Enabled(ctx, connection); err != nil || on {
			return false, err
		}
	}
	return true, nil
}

// ways are the connections over which somebody may come, as long as those are enabled.
func ways(p directory.Person) []string {
	var all []string
	for _, i := range p.Identities {
		if p.Over(i.Connection, directory.JITAndSCIM) == nil {
			all = append(all, i.Connection)
		}
	}
	for _, r := range p.Records {
		if r.Active {
			all = append(all, r.Connection)
		}
	}
	return all
}

// closes reports whether nobody comes over the event's connection after it.
func closes(e event.Event) bool {
	return e.Type == "connection.disabled" || e.Type == "connection.removed"
}
