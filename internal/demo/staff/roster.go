// Package staff is the human resources of the demo's Acme: who works there, how the
// broker is told of it, and the pages to hire, move and fire.
//
// Whoever works at Acme is in a Roster, which its identity provider reads. A Pusher makes
// the broker's SCIM connection say what the Roster says, as Okta or Entra would: over
// HTTP, with the connection's bearer token (RFC 7644), people by the subject that they
// sign in with as externalId, groups by the id that Acme has for them. It asks what there
// is and changes what differs. What the broker refuses is kept and shown, and tried again
// with the next push.
//
// A Site serves the pages below Acme's own address: /, /people and what they post to.
// They are plain forms without scripts, for whoever does Acme's human resources.
package staff

import (
	"errors"
	"slices"
	"sync"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// errUnknown is returned for somebody who never worked here.
var errUnknown = errors.New("nobody of that user name ever worked here")

// Roster is who works at Acme, and who did. It is safe for concurrent use.
type Roster struct {
	save func([]idp.Person) error

	mu     sync.Mutex
	people []idp.Person
}

// NewRoster returns a Roster that calls save with everybody after each change.
func NewRoster(people []idp.Person, save func([]idp.Person) error) *Roster {
	return &Roster{people: clone(people), save: save}
}

// People returns everybody, in the order in which they came.
func (r *Roster) People() []idp.Person {
	r.mu.Lock()
	defer r.mu.Unlock()
	return clone(r.people)
}

// Person returns who has the user name.
func (r *Roster) Person(username string) (idp.Person, bool) {
	all := r.People()
	i := slices.IndexFunc(all, func(p idp.Person) bool { return p.Username == username })
	if i < 0 {
		return idp.Person{}, false
	}
	return all[i], true
}

// Restore has who has the user name work here, or no more, and be in these groups. It
// reports whether that changes anything; somebody who never worked here stays unknown.
func (r *Roster) Restore(username string, works bool, groups []string) (bool, error) {
	is, known := r.Person(username)
	if !known || is.Left && !works {
		return false, nil
	}
	if is.Left != works && (!works || slices.Equal(slices.Sorted(slices.Values(is.Groups)), slices.Sorted(slices.Values(groups)))) {
		return false, nil
	}
	_, err := r.change(username, func(p *idp.Person) {
		if p.Left = !works; works {
			p.Groups = slices.Clone(groups)
		}
	})
	return err == nil, err
}

// add takes somebody in.
func (r *Roster) add(p idp.Person) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replace(append(clone(r.people), p))
}

// replaceOne makes who has the user name another.
func (r *Roster) replaceOne(p idp.Person) error {
	_, err := r.change(p.Username, func(was *idp.Person) { *was = p })
	return err
}

// change changes who has the user name.
func (r *Roster) change(username string, change func(*idp.Person)) (idp.Person, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := clone(r.people)
	i := slices.IndexFunc(next, func(p idp.Person) bool { return p.Username == username })
	if i < 0 {
		return idp.Person{}, errUnknown
	}
	change(&next[i])
	return next[i], r.replace(next)
}

func (r *Roster) replace(next []idp.Person) error {
	if err := r.save(clone(next)); err != nil {
		return err
	}
	r.people = next
	return nil
}

func clone(people []idp.Person) []idp.Person {
	all := slices.Clone(people)
	for i := range all {
		all[i].Groups = slices.Clone(all[i].Groups)
	}
	return all
}
