package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/login"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// samlParts are what SAML connections share.
type samlParts struct {
	issuer  string
	ring    *keys.Ring
	seen    cache.Once
	learned func(ctx context.Context, connection string, certificates []*x509.Certificate, changed bool)
}

// signedBy says what must be signed in the words of the gate.
var signedBy = map[string]xmlgate.Signed{
	config.SignedAssertion: xmlgate.Assertion, config.SignedResponse: xmlgate.Envelope, config.SignedBoth: xmlgate.Both,
}

// samlOptions translates a SAML connection.
func (c *connectors) samlOptions(n config.Connection) upstream.SAMLOptions {
	s, base := n.SAML, c.saml.issuer+"/login/saml/"+n.ID
	entity := s.EntityID
	if entity == "" {
		entity = base + "/metadata"
	}
	subjects := subjectsOf(n.Exchange, entity, tokenEndpoint(c.saml.issuer))
	subjects.Recipients = append([]string{tokenEndpoint(c.saml.issuer)}, n.Exchange.Recipients...)
	return upstream.SAMLOptions{
		ID: n.ID, EntityID: entity, ACS: base + "/acs", SLO: base + "/slo", Issuer: n.Issuer,
		Metadata: upstream.MetadataSource{URL: s.MetadataURL, File: s.MetadataFile, Document: s.Metadata, Trusted: trustedBy(s), Refresh: s.Refresh, MaxAge: s.MaxAge},
		Signed:   signedBy[s.Signed], Encrypted: s.Encrypted, Post: s.Binding == config.BindingPost, NameIDFormat: s.NameIDFormat, Subject: s.Subject,
		Attributes: s.Attributes, Contexts: s.AuthnContexts, Unsolicited: s.IDPInitiated, Subjects: subjects, Skew: s.Skew,
		Keys: c.saml.pairs, Seen: c.saml.seen, HTTP: c.http, Now: c.now, Log: c.log, Learned: c.saml.learned,
	}
}

// trustedBy reads the certificates that metadata must be signed by, each time anew
// where they stand in a file.
func trustedBy(s config.SAML) func() ([]*x509.Certificate, error) {
	return func() ([]*x509.Certificate, error) {
		text := s.MetadataCertificates
		if s.MetadataCertificatesFile != "" {
			raw, err := os.ReadFile(s.MetadataCertificatesFile)
			if err != nil {
				return nil, fmt.Errorf("saml.metadata_certificates_file: %w", err)
			}
			text = string(raw)
		}
		all, err := config.Certificates(text)
		if err == nil && len(all) == 0 && s.MetadataCertificatesFile != "" {
			err = errors.New("saml.metadata_certificates_file: it has no certificate")
		}
		return all, err
	}
}

// pairs are the broker's own keys for SAML, the signing one first.
func (s samlParts) pairs() ([]saml.KeyPair, error) {
	certified, err := s.ring.Certified()
	if err != nil {
		return nil, err
	}
	pairs := make([]saml.KeyPair, len(certified))
	for i, c := range certified {
		pairs[i] = saml.KeyPair{Key: c.Key, Certificate: c.Certificate}
	}
	return pairs, nil
}

// samlConnection returns what speaks to a SAML provider, and its title.
func (c *connectors) samlConnection(ctx context.Context, id string) (*upstream.SAML, string, error) {
	all, err := c.all(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, one := range all {
		if s, ok := one.Connector.(*upstream.SAML); ok && one.ID == id {
			return s, one.Title, nil
		}
	}
	return nil, "", login.ErrConnection
}

// certificatesEnd is when the last certificate of a SAML provider runs out, as far as
// this replica read them; zero for nothing.
func (c *connectors) certificatesEnd(id string) time.Time {
	c.mu.Lock()
	made := c.made[id]
	c.mu.Unlock()
	if s, ok := made.speaks.(*upstream.SAML); ok {
		return lastEnd(s.Certificates())
	}
	return time.Time{}
}

// samlSettings are the settings of a SAML connection; nil for another.
func samlSettings(c config.Connection) *connection.SAML {
	if c.Type != config.TypeSAML {
		return nil
	}
	s := c.SAML
	return &connection.SAML{
		EntityID: s.EntityID, MetadataURL: s.MetadataURL, Metadata: s.Metadata, MetadataCertificates: s.MetadataCertificates,
		Refresh: written(s.Refresh), MaxAge: written(s.MaxAge), Signed: s.Signed, Encrypted: s.Encrypted, Binding: s.Binding, NameIDFormat: s.NameIDFormat,
		Subject: s.Subject, Attributes: s.Attributes, AuthnContexts: s.AuthnContexts, IDPInitiated: s.IDPInitiated, Skew: written(s.Skew),
	}
}

// written is a duration as the configuration has it: a number and a unit.
func written(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%unit.size == 0 && d > 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// CheckMetadata says what is wrong with the metadata of SAML connections that is here:
// in the configuration, or in a file, as of now. What is at an address is read while the
// broker runs.
func CheckMetadata(cfg config.Config, now time.Time) error {
	var faults []error
	for i, c := range cfg.Connections {
		if err := metadataFault(c, now); err != nil {
			faults = append(faults, fmt.Errorf("connections[%d].saml: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

func metadataFault(c config.Connection, now time.Time) error {
	s, raw := c.SAML, []byte(c.SAML.Metadata)
	if c.Type != config.TypeSAML || s.MetadataURL != "" || s.MetadataFile == "" && s.Metadata == "" {
		return nil
	}
	if s.MetadataFile != "" {
		var err error
		if raw, err = os.ReadFile(s.MetadataFile); err != nil {
			return fmt.Errorf("metadata_file: %w", err)
		}
	}
	trusted, err := trustedBy(s)()
	if err == nil {
		_, err = saml.ParseIDP(raw, saml.Source{EntityID: c.Issuer, Certificates: trusted, Now: now})
	}
	var refused *identity.Refusal
	if errors.As(err, &refused) {
		return fmt.Errorf("%w: expected %s, came %s", err, refused.Check.Expected, refused.Check.Got)
	}
	return err
}
