package porting

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// people puts people into the directory, or says what would become of them.
func (s *Service) people(ctx context.Context, i *Import, lines []Staged, dry bool) ([]Staged, error) {
	settled := make([]Staged, len(lines))
	put := Put{Roles: s.o.Roles(), Import: i.ID, By: i.actor(), Time: s.now(), Dry: dry}
	records, err := s.owners(ctx, i, lines)
	if err != nil {
		return nil, err
	}
	var at []int
	for n, l := range lines {
		p, ok := l.Line.(Person)
		settled[n] = l
		if !ok {
			return nil, ErrKind
		}
		p, err := s.vouched(ctx, p)
		if fault.KindOf(err) == fault.Invalid {
			settled[n].refuse(err)
			continue
		}
		if err != nil {
			return nil, err
		}
		at = append(at, n)
		put.People = append(put.People, Landing{Person: p, HasRecord: records[string(ownerKey(p.ID))].Number > 0, HoldDisable: i.holds(holdDisable)})
	}
	landed, err := s.o.People.PutPeople(ctx, put)
	if err != nil {
		return nil, err
	}
	for n, l := range landed {
		to := &settled[at[n]]
		if l.Err != nil {
			to.refuse(l.Err)
			continue
		}
		to.Outcome, to.Ref = l.Outcome, l.ID
	}
	return settled, nil
}

// owners tells which people of the lines have records in the file.
func (s *Service) owners(ctx context.Context, i *Import, lines []Staged) (map[string]Named, error) {
	var keys [][]byte
	for _, l := range lines {
		if p, ok := l.Line.(Person); ok && p.ID != "" {
			keys = append(keys, ownerKey(p.ID))
		}
	}
	return s.o.Store.NamedLines(ctx, i.ID, keys)
}

// vouched refuses a person of a connection that is not here, and says whether their
// address is verified: where a connection of theirs has proved its domain.
func (s *Service) vouched(ctx context.Context, p Person) (Person, error) {
	_, domain, ok := strings.Cut(p.Profile.Email, "@")
	p.Profile.EmailVerified = false
	for n, id := range p.Identities {
		known, err := s.o.Connections.Known(ctx, id.Connection)
		if err != nil {
			return p, err
		}
		if !known {
			return p, ErrConnection.At(identityAt(n) + "/connection")
		}
		proved, err := s.o.Connections.Domains(ctx, id.Connection)
		if err != nil {
			return p, err
		}
		for _, d := range proved {
			if ok && !strings.Contains(domain, "@") && strings.EqualFold(d, domain) {
				p.Profile.EmailVerified = true
			}
		}
	}
	return p, nil
}

func identityAt(i int) string { return "/identities/" + strconv.Itoa(i) }
