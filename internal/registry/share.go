package registry

import (
	"encoding/json"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
)

// sharer has what is derived in one reading share what its apps say in the same words. Of
// a hundred thousand apps that is most of it, and each collection of garbage would go
// through it for every one of them.
type sharer struct {
	texts  map[string]string
	values map[string]any // by their JSON
}

func newSharer() *sharer { return &sharer{map[string]string{}, map[string]any{}} }

// app has what comes of an app share what it can.
func (s *sharer) app(d derived) {
	if c := d.client; c != nil {
		c.Owner.Team, c.Owner.Primary, c.Owner.Secondary = s.text(c.Owner.Team), s.text(c.Owner.Primary), s.text(c.Owner.Secondary)
		c.Owner.Contacts = shared(s, c.Owner.Contacts)
		c.Method, c.SigningAlg = AuthMethod(s.text(string(c.Method))), s.text(c.SigningAlg)
		c.GrantTypes, c.Scopes, c.MayAct, c.Exchanges = shared(s, c.GrantTypes), shared(s, c.Scopes), shared(s, c.MayAct), shared(s, c.Exchanges)
		for i := range c.Agreements {
			a := &c.Agreements[i]
			a.Audience, a.Scope, a.Mode, a.API, a.By = s.text(a.Audience), s.text(a.Scope), catalog.Mode(s.text(string(a.Mode))), s.text(a.API), s.text(a.By)
		}
		c.Entitlements = shared(s, c.Entitlements)
	}
	if a := d.audience; a != nil {
		a.Scopes, a.Entitlements = shared(s, a.Scopes), shared(s, a.Entitlements)
	}
}

func (s *sharer) text(t string) string {
	if known, ok := s.texts[t]; ok {
		return known
	}
	s.texts[t] = t
	return t
}

// shared returns a value that is the same and was seen before, or v.
func shared[T any](s *sharer, v T) T {
	key, err := json.Marshal(v)
	if err != nil {
		return v
	}
	if known, ok := s.values[string(key)].(T); ok {
		return known
	}
	s.values[string(key)] = v
	return v
}
