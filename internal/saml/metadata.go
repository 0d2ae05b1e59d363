package saml

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

const protocol = "urn:oasis:names:tc:SAML:2.0:protocol"

// maxCertificates bounds the signing certificates of one identity provider: those of
// now, of before and of soon.
const maxCertificates = 16

// minRSABits is the least that a key of a stranger may have.
const minRSABits = 2048

// IDP is what the metadata of an identity provider says that is used of it: where
// to go, and with which certificates it signs. It says nothing about checks.
type IDP struct {
	EntityID string
	// SSO and SLO are endpoints by binding, Redirect and Post alone.
	SSO map[string]string
	SLO map[string]Endpoint
	// Certificates are those that it signs with.
	Certificates []*x509.Certificate
	// ValidUntil is when the metadata ends; zero when it does not say.
	ValidUntil time.Time
}

// Endpoint is where messages go, and answers where that is elsewhere.
type Endpoint struct{ Location, Answers string }

// Source is what a metadata document must fit.
type Source struct {
	// EntityID is the identity provider that it must be of.
	EntityID string
	// Certificates must have signed it; without any, the way it came vouches for it.
	Certificates []*x509.Certificate
	Now          time.Time
}

// ParseIDP reads the metadata of an identity provider (metadata, section 2.4.3).
func ParseIDP(raw []byte, s Source) (IDP, error) {
	want := xmlgate.Want{Kind: xmlgate.Metadata, Signed: xmlgate.None, Now: s.Now}
	if len(s.Certificates) > 0 {
		want.Signed, want.Certificates = xmlgate.Envelope, s.Certificates
	}
	m, err := xmlgate.Verify(raw, want)
	if err != nil {
		return IDP{}, err
	}
	document := m.Envelope
	if len(s.Certificates) == 0 && document == nil {
		document = m.Unsigned
	}
	entity, until, err := find(document, s.EntityID)
	if err != nil {
		return IDP{}, err
	}
	return entity.read(s, until)
}

// entity is one EntityDescriptor.
type entity struct{ samllib.EntityDescriptor }

// find returns the descriptor of the entity, alone or among others, and how long
// those around it are valid.
func find(document []byte, id string) (entity, time.Time, error) {
	var one samllib.EntityDescriptor
	if err := xml.Unmarshal(document, &one); err == nil {
		if one.EntityID != id {
			return entity{}, time.Time{}, identity.Refuse(ErrMetadataEntity, "metadata_entity", id, clean(one.EntityID))
		}
		return entity{one}, time.Time{}, nil
	}
	var many samllib.EntitiesDescriptor
	if err := xml.Unmarshal(document, &many); err != nil {
		return entity{}, time.Time{}, identity.Refuse(fault.Wrap(err, ErrMetadata.Kind, ErrMetadata.Code, "%s", ErrMetadata.Detail), "metadata", "an EntityDescriptor", "something else")
	}
	found, until := among(many, id)
	if len(found) != 1 {
		return entity{}, time.Time{}, identity.Refuse(ErrMetadataEntity, "metadata_entity", id+", once", cmp.Or(strings.Repeat("it ", len(found)), "others"))
	}
	return entity{found[0]}, until, nil
}

func among(m samllib.EntitiesDescriptor, id string) (found []samllib.EntityDescriptor, until time.Time) {
	until = deref(m.ValidUntil)
	for _, e := range m.EntityDescriptors {
		if e.EntityID == id {
			found = append(found, e)
		}
	}
	for _, inner := range m.EntitiesDescriptors {
		more, ends := among(inner, id)
		if len(more) > 0 {
			found, until = append(found, more...), earliest(until, ends)
		}
	}
	return found, until
}

func (e entity) read(s Source, until time.Time) (IDP, error) {
	at := slices.IndexFunc(e.IDPSSODescriptors, func(d samllib.IDPSSODescriptor) bool {
		return slices.Contains(strings.Fields(d.ProtocolSupportEnumeration), protocol)
	})
	if at < 0 {
		return IDP{}, identity.Refuse(ErrMetadataRole, "metadata_role", "an IDPSSODescriptor for "+protocol, "none")
	}
	role := e.IDPSSODescriptors[at]
	p := IDP{
		EntityID: e.EntityID, SSO: map[string]string{}, SLO: map[string]Endpoint{},
		ValidUntil: earliest(until, e.ValidUntil, deref(role.ValidUntil)),
	}
	if !p.ValidUntil.IsZero() && !s.Now.Before(p.ValidUntil) {
		return IDP{}, identity.Refuse(ErrMetadataExpired, "metadata_expired", "a time after "+stamp(s.Now), stamp(p.ValidUntil))
	}
	for _, place := range role.SingleSignOnServices {
		if _, known := p.SSO[place.Binding]; !known && spoken(place.Binding) && safe(place.Location) {
			p.SSO[place.Binding] = place.Location
		}
	}
	if len(p.SSO) == 0 {
		return IDP{}, identity.Refuse(ErrMetadataPlace, "metadata_endpoint", "a SingleSignOnService for redirect or POST, over https", "none")
	}
	for _, place := range role.SingleLogoutServices {
		answers := cmp.Or(place.ResponseLocation, place.Location)
		if _, known := p.SLO[place.Binding]; !known && spoken(place.Binding) && safe(place.Location) && safe(answers) {
			p.SLO[place.Binding] = Endpoint{place.Location, answers}
		}
	}
	p.Certificates = certificates(role.KeyDescriptors)
	if n := len(p.Certificates); n == 0 || n > maxCertificates {
		return IDP{}, identity.Refuse(ErrMetadataKey, "metadata_key", "1 to 16 certificates for signing, RSA of 2048 bits or more or ECDSA", "another number")
	}
	return p, nil
}

// certificates are those for signing whose keys are good enough. Others are left out,
// so that one of them does not keep out those beside it.
func certificates(all []samllib.KeyDescriptor) (good []*x509.Certificate) {
	for _, d := range all {
		if d.Use != "" && d.Use != "signing" {
			continue
		}
		for _, x := range d.KeyInfo.X509Data.X509Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(x.Data), ""))
			if err != nil {
				continue
			}
			c, err := x509.ParseCertificate(der)
			if err == nil && strong(c) && !slices.ContainsFunc(good, func(h *x509.Certificate) bool { return bytes.Equal(h.Raw, c.Raw) }) {
				good = append(good, c)
			}
		}
	}
	return good
}

func strong(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	}
	return false
}

func spoken(binding string) bool { return binding == Redirect || binding == Post }

// safe reports whether browsers may be sent to the address: https, or http on loopback.
func safe(location string) bool {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(location, " \t\r\n\"<>\\") {
		return false
	}
	if !strings.HasPrefix(location, u.Scheme+"://") {
		return false // in letters that not everybody reads alike
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && a.IsLoopback())
}
