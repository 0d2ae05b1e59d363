package main

import (
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// batch is how many people or groups are made at once.
const batch = 1000

// filler makes people and groups as an identity provider has them.
type filler struct {
	sizes
	*place

	users []string // ids, by number
	// teams are the ids of the small groups, and all that of the large one, which has
	// those of even numbers.
	teams []string
	all   string
}

// attributes are what a person of a number has beside their user name, external id and
// whether they are active: what Microsoft Entra maps unless it is told otherwise.
func attributes(n int) map[string]any {
	given, family := fmt.Sprintf("Given%d", n%997), fmt.Sprintf("Family%d", n)
	return map[string]any{
		"displayName": given + " " + family,
		"title":       fmt.Sprintf("Engineer %d", n%50),
		"name":        map[string]any{"givenName": given, "familyName": family, "formatted": given + " " + family},
		"emails":      []any{map[string]any{"value": mail(n), "type": "work", "primary": true}},
		record.Enterprise: map[string]any{
			"employeeNumber": fmt.Sprint(100_000 + n), "department": fmt.Sprintf("Department %d", n%200),
		},
	}
}

func mail(n int) string { return fmt.Sprintf("person.%d@acme.example", n) }

// external is the person's id at the identity provider, in the form of a UUID.
func external(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// fillers is how many batches are made at once.
const fillers = 4

// fill makes people until there are n.
func (f *filler) fill(n int) error {
	first := len(f.users)
	for range n - first {
		f.users = append(f.users, identity.NewID())
	}
	return f.batches(first, n, func(i int) record.New {
		return record.New{User: &record.User{ID: f.users[i], ExternalID: external(i), UserName: mail(i), Active: true, Attributes: attributes(i)}}
	})
}

// batches makes what each returns for the numbers from first up to n.
func (f *filler) batches(first, n int, each func(i int) record.New) error {
	return f.store(func(s *record.Service) error {
		var g errgroup.Group
		g.SetLimit(fillers)
		for from := first; from < n; from += batch {
			g.Go(func() error {
				var all []record.New
				for i := from; i < min(from+batch, n); i++ {
					all = append(all, each(i))
				}
				return f.create(s, all)
			})
		}
		return g.Wait()
	})
}

func (f *filler) create(s *record.Service, all []record.New) error {
	for i := range all {
		all[i].Operation = record.Operation{Kind: "SCIM: create", Method: "POST", Path: "/Users", Actor: identity.System("bench")}
	}
	made, err := s.Create(f.on.Context(), connection, all)
	for _, m := range made {
		if err == nil {
			err = m.Err
		}
	}
	return err
}

// addGroups makes the groups. The small ones have people next to each other.
func (f *filler) addGroups() error {
	for range f.groups {
		f.teams = append(f.teams, identity.NewID())
	}
	err := f.batches(0, f.groups, func(i int) record.New {
		g := record.New{Group: &record.Group{ID: f.teams[i], ExternalID: fmt.Sprint("group-", i), DisplayName: fmt.Sprint("Team ", i)}}
		for j := range f.small {
			g.Members = append(g.Members, record.Member{Value: f.users[(i*f.small+j)%len(f.users)]})
		}
		return g
	})
	if err != nil {
		return err
	}
	f.all = identity.NewID()
	g := record.New{Group: &record.Group{ID: f.all, ExternalID: "everybody", DisplayName: "Everybody"}}
	for i := range f.big {
		g.Members = append(g.Members, record.Member{Value: f.users[2*i]})
	}
	return f.batches(0, 1, func(int) record.New { return g })
}
