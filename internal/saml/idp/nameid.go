package idp

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
)

// errNoAddress is why a person cannot be named by an e-mail address: whoever could
// choose one freely would choose somebody else's.
var errNoAddress = fault.New(fault.Denied, "saml_email_unverified", "the person has no e-mail address that is verified, and the app knows people by theirs")

// nameOf returns what the app is told to call the person.
func (p *Provider) nameOf(person directory.Person, c *registry.Client) (string, error) {
	switch c.SAML.NameIDFormat {
	case catalog.NameIDEmail:
		if person.Profile.Email == "" || !person.Profile.EmailVerified {
			return "", errNoAddress
		}
		return person.Profile.Email, nil
	case catalog.NameIDTransient:
		return saml.NewID(), nil
	case catalog.NameIDUnspecified:
		return person.ID, nil // the sub that OpenID Connect apps see
	}
	return pairwise(p.o.Issuer, c.ID, person.ID), nil
}

// pairwise is a persistent identifier: the same for a person and an app for ever, and
// of no use to find the person at another app (core, section 8.3.7). What it is made
// from has 130 random bits that no app of SAML is told.
func pairwise(issuer, entity, person string) string {
	sum := sha256.Sum256([]byte("gatehouse persistent NameID\x00" + issuer + "\x00" + entity + "\x00" + person))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// nameID is a name as documents have it.
func (p *Provider) nameID(value, format, entity string) *samllib.NameID {
	n := &samllib.NameID{Value: value, Format: format}
	if format == catalog.NameIDPersistent {
		n.NameQualifier, n.SPNameQualifier = p.entityID(), entity
	}
	return n
}
