package catalog

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// claims says which apps have a name as their client id or entity id, or serve it as
// their audience. Neither may be another app's in either sense: a token that says one
// could be taken for the other.
type claims struct {
	issuer string
	owners map[string][]string
}

func claimsOf(issuer string) claims { return claims{issuer: issuer, owners: map[string][]string{}} }

// add records what an app claims.
func (c claims) add(a App) {
	for _, name := range []string{a.ClientID(), a.Audience()} {
		if name != "" {
			c.owners[name] = append(c.owners[name], a.Name)
		}
	}
}

// other returns an app that claims a name and is not app, or "".
func (c claims) other(name, app string) string {
	for _, owner := range c.owners[name] {
		if owner != app {
			return owner
		}
	}
	return ""
}

// clash is a name that a manifest may not have, and where it says it.
type clash struct {
	path string
	err  *fault.Error
}

// clashes lists what a manifest cannot have.
func (c claims) clashes(m Manifest) []clash {
	const atAudience = "spec.identity.resource.audience"
	atClient, clientTaken := "spec.identity.oidc.clientId", ErrClientIDTaken
	if m.Spec.Identity.SAML != nil {
		atClient, clientTaken = "spec.identity.saml.entityId", ErrEntityIDTaken
	}
	me := App{Name: m.Metadata.Name, Manifest: m}
	var found []clash
	own := strings.TrimSuffix(c.issuer, "/")
	if me.ClientID() == own || strings.HasPrefix(me.ClientID(), own+"/saml/") {
		found = append(found, clash{atClient, ErrEntityIDReserved})
	}
	if other := c.other(me.ClientID(), me.Name); other != "" {
		found = append(found, clash{atClient, taken(clientTaken, other)})
	}
	if a := me.Audience(); a != "" && strings.HasPrefix(a+"/", own+"/") { // below it is such as SCIM
		found = append(found, clash{atAudience, ErrAudienceReserved})
	}
	if other := c.other(me.Audience(), me.Name); other != "" {
		found = append(found, clash{atAudience, taken(ErrAudienceTaken, other)})
	}
	return found
}

// taken names the app that has what was asked for.
func taken(sentinel *fault.Error, other string) *fault.Error {
	return fault.New(sentinel.Kind, sentinel.Code, "the app %s has this as its client id, entity id or audience", other)
}
