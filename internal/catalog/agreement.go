package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Mode says how an app comes by a token of an API.
type Mode string

// The modes. Who agreed to one has not agreed to another: an app that reads for the
// people who are signed in to it is not one that reads by itself, about everybody.
const (
	BySignIn        Mode = grantCode
	ByItself        Mode = grantCredentials
	ByDelegation    Mode = ModeDelegation
	ByImpersonation Mode = ModeImpersonation
)

// Modes lists every mode.
func Modes() []Mode { return []Mode{BySignIn, ByItself, ByDelegation, ByImpersonation} }

// Broker stands for the broker where the name of an app that serves an API does. Its own
// scopes are those of shared signals and of SCIM.
const Broker = "-"

// provisioning begins the scopes that open the SCIM of a connection.
const provisioning = "scim:"

// anything stands for every audience, scope or mode.
const anything = "*"

// Right is one scope of an API, in one mode.
type Right struct {
	// Audience is the API, empty for the broker itself. In what a manifest asks for by the
	// name of a scope alone it is "*": whichever API offers the scope.
	Audience string `json:"audience"`
	Scope    string `json:"scope"`
	Mode     Mode   `json:"mode"`
}

// covers reports whether r is the right, or has "*" where it differs.
func (r Right) covers(one Right) bool {
	fits := func(has, asked string) bool { return has == asked || has == anything }
	return fits(r.Scope, one.Scope) && fits(string(r.Mode), string(one.Mode)) &&
		(r.Audience == one.Audience || r.Audience == anything && (one.Audience != "" || r.Scope == anything))
}

// Agreement says that the side of an API agreed that an app gets a right. An app has of
// an API what its manifest asks for, the API offers and was agreed to.
type Agreement struct {
	// Right may have "*" as its audience, for whichever API comes to offer what none did
	// when an administrator agreed to it, and nothing but "*" for what the manifest asked
	// for before anybody was asked.
	Right
	// API is the internal id of the app that served the API then, empty while none did:
	// who serves it afterwards has agreed to nothing.
	API string    `json:"api,omitempty"`
	By  string    `json:"by"` // kind:id of who agreed
	At  time.Time `json:"at,omitzero"`
}

// open reports whether it is to a right without saying at which API.
func (g Agreement) open() bool { return g.Audience == anything }

// before reports whether it is from before anybody was asked.
func (g Agreement) before() bool { return g.Scope == anything }

// Agreements are what was agreed that an app gets.
type Agreements []Agreement

// To reports whether the right was agreed to. api is the internal id of the app that
// serves the API, empty for the broker itself and for an API that nobody serves.
func (all Agreements) To(r Right, api string) bool {
	return slices.ContainsFunc(all, func(g Agreement) bool { return g.covers(r) && (g.API == "" || g.API == api) })
}

// BrokersScope reports whether a scope is one of the broker's own, which an app has for
// itself.
func BrokersScope(scope string) bool {
	return scope == ScopeSignalsRead || scope == ScopeSignalsManage || strings.HasPrefix(scope, provisioning)
}

// IdentityScope reports whether a scope says what an app is told of a person.
func IdentityScope(scope string) bool {
	return slices.Contains(identityScopes, scope) && !BrokersScope(scope)
}

// Ask is what a manifest asks for at one place.
type Ask struct {
	Path string `json:"path"` // the field of the manifest
	Right
	// API is the name of the app that serves the API, or Broker, and Team who owns it:
	// they, or an administrator, can agree. Empty where nobody serves it.
	API  string `json:"api,omitempty"`
	Team string `json:"team,omitempty"`
}

// asks lists what the manifest asks of others.
func (m *Manifest) asks() []Ask {
	var all []Ask
	id := m.Spec.Identity
	if id.OIDC != nil {
		for i, s := range id.OIDC.Scopes {
			path := index("spec.identity.oidc.scopes", i) + ".name"
			switch {
			case BrokersScope(s.Name):
				all = append(all, Ask{Path: path, Right: Right{"", s.Name, ByItself}})
			case !IdentityScope(s.Name):
				for _, mode := range []Mode{BySignIn, ByItself} {
					if id.OIDC.has(string(mode)) {
						all = append(all, Ask{Path: path, Right: Right{anything, s.Name, mode}})
					}
				}
			}
		}
	}
	for i, e := range id.TokenExchange {
		for j, s := range e.Scopes {
			ask := Ask{Path: index(index("spec.identity.tokenExchange", i)+".scopes", j), Right: Right{e.Audience, s, Mode(e.Mode)}}
			if BrokersScope(s) {
				ask.Right = Right{"", s, ByItself}
			}
			all = append(all, ask)
		}
	}
	return all
}

// Voice is somebody who changes an app, and what they may agree to.
type Voice struct {
	identity.Actor
	// SpeaksFor reports whether they answer for the app that serves an API; nil stands for
	// the broker itself, and for an API that nobody serves. Without it they answer for
	// everything.
	SpeaksFor func(api *App) bool
}

// Administrator is the voice of who answers for everything.
func Administrator(actor identity.Actor) Voice { return Voice{Actor: actor} }

func (v Voice) speaksFor(api *App) bool { return v.SpeaksFor == nil || v.SpeaksFor(api) }

// sides are all apps: they ask, and they offer.
type sides []App

// target is an API that an ask is about, with the app that serves it, if one does.
type target struct {
	Right
	api *App
}

func (t target) id() string {
	if t.api == nil {
		return ""
	}
	return t.api.ID
}

// ask is the ask for it, with whose it is to agree.
func (t target) ask(path string) Ask {
	k := Ask{Path: path, Right: t.Right}
	switch {
	case t.api != nil:
		k.API, k.Team = t.api.Name, t.api.Manifest.Spec.Owner.Team
	case t.Audience == "":
		k.API = Broker
	}
	return k
}

// targets lists the APIs that what an app asks for is about, by audience: several, or
// none, where a scope alone says which.
func (s sides) targets(app string, r Right) []target {
	if r.Audience == "" {
		return []target{{r, nil}}
	}
	var all []target
	for i := range s {
		api := &s[i]
		audience := api.Audience()
		if audience == "" || audience != r.Audience && (r.Audience != anything || api.Name == app || !slices.Contains(api.Manifest.Spec.Identity.Resource.Scopes, r.Scope)) {
			continue
		}
		all = append(all, target{Right{audience, r.Scope, r.Mode}, api})
	}
	if len(all) == 0 && r.Audience != anything {
		all = append(all, target{r, nil})
	}
	slices.SortFunc(all, func(a, b target) int { return cmp.Compare(a.Audience, b.Audience) })
	return all
}

// agree returns the agreements to what an app asks for, as far as the voice may give
// them. What an administrator agrees to and no API offers yet counts for whichever comes
// to offer it.
func (s sides) agree(app string, asks []Ask, v Voice, now time.Time) Agreements {
	var given Agreements
	for _, ask := range asks {
		targets := s.targets(app, ask.Right)
		if len(targets) == 0 {
			targets = []target{{ask.Right, nil}}
		}
		for _, t := range targets {
			if v.speaksFor(t.api) && !given.To(t.Right, t.id()) {
				given = append(given, Agreement{Right: t.Right, API: t.id(), By: v.String(), At: now})
			}
		}
	}
	return given
}

// settled are the agreements of an app as they mean what there is today: each to a right
// at an API that is named, and at the app that serves it, as far as one does.
func (s sides) settled(a *App) Agreements {
	var all Agreements
	for _, g := range a.Agreements {
		asks := []Ask{{Right: g.Right}}
		switch {
		case g.API != "" || g.Audience == "":
			all = append(all, g)
			continue
		case g.before():
			asks = a.Manifest.asks()
		}
		for _, one := range s.agree(a.Name, asks, Voice{}, g.At) {
			one.By = g.By
			all = append(all, one)
		}
	}
	return all
}

// after returns what is agreed for an app with its next manifest: what was to what it
// asks for still, and what the voice agrees to of what it newly asks for. Asking again
// for what was not agreed to, or is not any more, changes nothing.
func (s sides) after(current, next *App, v Voice, now time.Time) Agreements {
	asks := next.Manifest.asks()
	if current == nil {
		return s.agree(next.Name, asks, v, now)
	}
	kept := slices.DeleteFunc(s.settled(current), func(g Agreement) bool {
		return !slices.ContainsFunc(asks, func(k Ask) bool { return k.covers(g.Right) })
	})
	known := current.Manifest.asks()
	asks = slices.DeleteFunc(asks, func(k Ask) bool {
		return slices.ContainsFunc(known, func(was Ask) bool { return was.Right == k.Right })
	})
	return append(kept, s.agree(next.Name, asks, v, now)...)
}

// lost names, as tokens carry it, what was agreed for an app and is no longer.
func (s sides) lost(current, next *App) []identity.Ref {
	var refs []identity.Ref
	client := current.ClientID()
	for _, g := range s.settled(current) {
		ref := identity.Call(client, g.Audience)
		switch {
		case g.open() || next.Agreements.To(g.Right, g.API):
			continue
		case g.Audience == "": // in tokens of several audiences
			ref = identity.Client(client)
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// givenUp names, as tokens carry it, what apps were agreed to get of the API that an app
// serves no longer, and what it got of that itself: whoever serves the audience next has
// agreed to none of it. next is nil for an app that is removed.
func (s sides) givenUp(current, next *App) []identity.Ref {
	audience := current.Audience()
	if audience == "" || next != nil && next.Audience() == audience {
		return nil
	}
	var refs []identity.Ref
	for i := range s {
		a := &s[i]
		if a.Name == current.Name || a.ClientID() == "" {
			continue
		}
		if slices.ContainsFunc(s.settled(a), func(g Agreement) bool { return g.Audience == audience && g.API == current.ID }) {
			refs = append(refs, identity.Call(a.ClientID(), audience))
		}
	}
	if own := current.ClientID(); own != "" {
		refs = append(refs, identity.Call(own, audience))
	}
	return refs
}

// pending lists what an app asks for, of APIs that there are, and was not agreed to.
func (s sides) pending(a *App) []Ask {
	var open []Ask
	for _, k := range a.Manifest.asks() {
		for _, t := range s.targets(a.Name, k.Right) {
			if !a.Agreements.To(t.Right, t.id()) {
				open = append(open, t.ask(k.Path))
			}
		}
	}
	return open
}
