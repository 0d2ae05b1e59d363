package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What must be signed, and how requests are sent.
const (
	SignedAssertion = "assertion"
	SignedResponse  = "response"
	SignedBoth      = "both"
	BindingRedirect = "redirect"
	BindingPost     = "post"
)

// nameIDFormats are the formats that have short names (core, section 8.3).
var nameIDFormats = map[string]string{
	"persistent":  "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
	"transient":   "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
	"email":       "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
	"unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
}

// maxMetadata bounds a metadata document in the configuration, in bytes.
const maxMetadata = 1 << 20

// complete fills in the defaults of a SAML connection.
func (s *SAML) complete() {
	if s.Refresh == 0 {
		s.Refresh = time.Hour
	}
	if s.MaxAge == 0 {
		s.MaxAge = 7 * 24 * time.Hour
	}
	if s.Signed == "" {
		s.Signed = SignedAssertion
	}
	if s.Binding == "" {
		s.Binding = BindingRedirect
	}
	if s.NameIDFormat == "" {
		s.NameIDFormat = "unspecified"
	}
	if long, short := nameIDFormats[s.NameIDFormat]; short {
		s.NameIDFormat = long
	}
	if s.Skew == 0 {
		s.Skew = time.Minute
	}
}

// saml checks what a SAML connection has.
func (k *checker) saml(n *Connection, path string) {
	k.onlyOIDC(path, map[string]bool{
		"client_id": n.ClientID != "", "client_secret": n.ClientSecret != "" || n.ClientSecretFile != "", "scopes": n.Scopes != nil,
		"algorithms": n.Algorithms != nil, "userinfo": n.UserInfo, "allowed_tenants": n.AllowedTenants != nil,
	})
	if n.Issuer == "" || len(n.Issuer) > 1024 || strings.ContainsFunc(n.Issuer, unsafe) {
		k.fail(join(path, "issuer"), "is required: the identity provider's entity id")
	}
	s, path := n.SAML, join(path, "saml")
	if strings.ContainsFunc(s.EntityID, unsafe) || len(s.EntityID) > 1024 {
		k.fail(join(path, "entity_id"), "must be a URI of at most 1024 characters")
	}
	k.samlMetadata(s, path)
	k.samlNames(s, path)
	k.between(join(path, "refresh"), s.Refresh, time.Minute, 24*time.Hour)
	k.between(join(path, "max_age"), s.MaxAge, max(s.Refresh, time.Minute), 30*24*time.Hour)
	k.between(join(path, "skew"), s.Skew, 0, 5*time.Minute)
	if !slices.Contains([]string{SignedAssertion, SignedResponse, SignedBoth}, s.Signed) {
		k.fail(join(path, "signed"), "must be assertion, response or both")
	}
	if s.Binding != BindingRedirect && s.Binding != BindingPost {
		k.fail(join(path, "binding"), "must be redirect or post")
	}
	for i, class := range s.AuthnContexts {
		if !uri(class) {
			k.fail(at(join(path, "authn_contexts"), i), "must be the URI of a class")
		}
	}
}

// onlyOIDC refuses fields of a SAML connection that only an OIDC one has.
func (k *checker) onlyOIDC(path string, given map[string]bool) {
	for field, is := range given {
		if is {
			k.fail(join(path, field), "is for type oidc")
		}
	}
}

// samlNames checks what people are known by, and what is told of them.
func (k *checker) samlNames(s SAML, path string) {
	if !uri(s.NameIDFormat) {
		k.fail(join(path, "name_id_format"), "must be persistent, email, transient, unspecified or the URI of a format")
	}
	if s.NameIDFormat == nameIDFormats["transient"] && s.Subject == "" {
		k.fail(join(path, "subject"), "is required for transient names: the attribute that a person is known by")
	}
	for _, claim := range sortedKeys(s.Attributes) {
		if len(s.Attributes[claim]) == 0 || slices.Contains(s.Attributes[claim], "") {
			k.fail(join(path, "attributes."+claim), "must name attributes")
		}
	}
}

func (k *checker) samlMetadata(s SAML, path string) {
	given := 0
	for _, text := range []string{s.MetadataURL, s.MetadataFile, s.Metadata} {
		if text != "" {
			given++
		}
	}
	switch message := webURL(s.MetadataURL); {
	case given != 1:
		k.fail(path, "must have one of metadata_url, metadata_file and metadata")
	case s.MetadataURL != "" && message != "":
		k.fail(join(path, "metadata_url"), "%s", message)
	case len(s.Metadata) > maxMetadata:
		k.fail(join(path, "metadata"), "must have at most %d bytes", maxMetadata)
	}
	if s.MetadataCertificates != "" && s.MetadataCertificatesFile != "" {
		k.fail(join(path, "metadata_certificates_file"), "cannot be given together with metadata_certificates")
	}
	if _, err := Certificates(s.MetadataCertificates); err != nil {
		k.fail(join(path, "metadata_certificates"), "%s", err)
	}
}

// Certificates reads PEM certificates; of no text there are none.
func Certificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for rest := []byte(strings.TrimSpace(text)); len(rest) > 0; {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("must be certificates in PEM, and nothing else")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("has a certificate that cannot be read")
		}
		all, rest = append(all, c), []byte(strings.TrimSpace(string(after)))
	}
	return all, nil
}

// uri reports whether text is an absolute URI.
func uri(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && !strings.ContainsFunc(text, unsafe)
}
