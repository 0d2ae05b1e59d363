package catalog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
)

// SAML is the app as a SAML 2.0 service provider.
type SAML struct {
	EntityID string `json:"entityId" yaml:"entityId"`
	// ACS lists the assertion consumer services, which take the response by POST.
	// A request names one by its address or its place in the list; without either,
	// and for launches, it is the first.
	ACS []string `json:"acs" yaml:"acs"`
	// NameIDFormat is persistent (the default), emailAddress, transient or
	// unspecified, or the URN of one: see nameIDFormats.
	NameIDFormat string `json:"nameIdFormat,omitempty" yaml:"nameIdFormat,omitempty"`
	// WantSigned says whether the assertion is signed, SignResponse whether the
	// response around it is. Both are true when left out; one must be.
	WantSigned   *bool `json:"wantSigned,omitempty" yaml:"wantSigned,omitempty"`
	SignResponse *bool `json:"signResponse,omitempty" yaml:"signResponse,omitempty"`
	// Certificate is one or more X.509 certificates of the app, in PEM or, when it is
	// one, in base64. Any of them may have signed; the first is encrypted for.
	Certificate string `json:"certificate,omitempty" yaml:"certificate,omitempty"`
	// RequestsSigned says that a request without a signature is refused. It is true
	// when left out and there is a certificate.
	RequestsSigned *bool `json:"requestsSigned,omitempty" yaml:"requestsSigned,omitempty"`
	// EncryptAssertions encrypts assertions for the certificate.
	EncryptAssertions bool `json:"encryptAssertions,omitempty" yaml:"encryptAssertions,omitempty"`
	// SLO is where the app takes requests and responses of single logout, by the
	// binding SLOBinding: redirect (the default) or post.
	SLO        string `json:"slo,omitempty" yaml:"slo,omitempty"`
	SLOBinding string `json:"sloBinding,omitempty" yaml:"sloBinding,omitempty"`
	// Scopes say what the app learns of a person, as they do for OpenID Connect:
	// profile, email and groups. Without any they are profile and email.
	Scopes []Scope `json:"scopes,omitempty" yaml:"scopes,omitempty"`
	// Attributes rename claims: the name of the attribute by the name of the claim.
	Attributes map[string]string `json:"attributes,omitempty" yaml:"attributes,omitempty"`
	// LaunchURI is where "my apps" sends a person. Without one the broker sends a
	// response that the app did not ask for, unless Unsolicited is false.
	LaunchURI   string `json:"launchUri,omitempty" yaml:"launchUri,omitempty"`
	Unsolicited *bool  `json:"unsolicited,omitempty" yaml:"unsolicited,omitempty"`
	// RelayState goes along with such a response.
	RelayState string `json:"relayState,omitempty" yaml:"relayState,omitempty"`
}

// The identifiers of NameID formats (SAML core, section 8.3).
const (
	NameIDPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	NameIDTransient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	NameIDEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	NameIDUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

// nameIDFormats are the identifiers of formats by the short names of manifests.
func nameIDFormats() map[string]string {
	return map[string]string{
		"": NameIDPersistent, "persistent": NameIDPersistent, "transient": NameIDTransient, "emailAddress": NameIDEmail, "unspecified": NameIDUnspecified,
	}
}

// Format is the identifier of the NameID format, "" for one that there is not.
func (s *SAML) Format() string {
	for short, urn := range nameIDFormats() {
		if s.NameIDFormat == short || s.NameIDFormat == urn {
			return urn
		}
	}
	return ""
}

// Claims that an app may get as attributes.
var samlClaims = []string{
	"name", "given_name", "family_name", "preferred_username", "picture", "locale", "updated_at", "email", "email_verified", "groups", "roles",
}

// samlScopes are the scopes that give attributes.
var samlScopes = []string{"profile", "email", "groups"}

// The bounds of what a manifest may ask for.
const (
	maxCertificate  = 32 << 10
	maxCertificates = 4
	maxRelayState   = 80 // bytes: SAML bindings, sections 3.4.3 and 3.5.3
)

// Certificates returns the app's certificates, none when it has none.
func (s *SAML) Certificates() ([]*x509.Certificate, error) {
	text := strings.TrimSpace(s.Certificate)
	if text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(text, "-----BEGIN") {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, errors.New("must be a certificate in PEM or base64")
		}
		text = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	var all []*x509.Certificate
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("must hold nothing but certificates in PEM")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("must be an X.509 certificate")
		}
		all = append(all, c)
	}
	return all, nil
}

// samlApp checks the app as a service provider.
func (c *checker) samlApp(s *SAML, path string) {
	if len(s.EntityID) == 0 || len(s.EntityID) > 500 || strings.ContainsFunc(s.EntityID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.fail(path+".entityId", "must be 1 to 500 ASCII characters without spaces")
	}
	if len(s.ACS) == 0 {
		c.fail(path+".acs", "must have at least one item")
	}
	c.uris(path+".acs", s.ACS)
	if s.Format() == "" {
		c.fail(path+".nameIdFormat", "must be persistent, emailAddress, transient or unspecified, or the URN of one of them")
	}
	if s.WantSigned != nil && s.SignResponse != nil && !*s.WantSigned && !*s.SignResponse {
		c.fail(path+".signResponse", "cannot be false together with wantSigned: one of the two is signed")
	}
	c.samlKeys(s, path)
	c.samlLogout(s, path)
	c.samlAttributes(s, path)
	c.samlLaunch(s, path)
}

func (c *checker) samlKeys(s *SAML, path string) {
	if s.Certificate == "" && c.doc.Has(path+".certificate") || len(s.Certificate) > maxCertificate {
		c.fail(path+".certificate", "must be a certificate of at most 32 KB")
		return
	}
	all, err := s.Certificates()
	switch {
	case err != nil:
		c.fail(path+".certificate", "%s", err)
	case len(all) > maxCertificates:
		c.fail(path+".certificate", "must have at most %d certificates", maxCertificates)
	case slices.ContainsFunc(all, weak):
		c.fail(path+".certificate", "must have an RSA key of 2048 to 8192 bits, or an ECDSA key on P-256, P-384 or P-521")
	case len(all) == 0 && s.RequestsSigned != nil && *s.RequestsSigned:
		c.fail(path+".requestsSigned", "needs the certificate that requests are verified with")
	}
	if s.EncryptAssertions && err == nil && (len(all) == 0 || !isRSA(all[0])) {
		c.fail(path+".encryptAssertions", "needs a certificate whose first key is RSA")
	}
}

func isRSA(c *x509.Certificate) bool { _, is := c.PublicKey.(*rsa.PublicKey); return is }

// weak reports a key that signatures are not verified with.
func weak(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() < 2048 || key.N.BitLen() > 8192
	case *ecdsa.PublicKey:
		return key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521()
	}
	return true
}

func (c *checker) samlLogout(s *SAML, path string) {
	if s.SLO != "" || c.doc.Has(path+".slo") {
		c.uri(path+".slo", s.SLO)
	}
	switch {
	case s.SLOBinding != "" && s.SLO == "":
		c.fail(path+".sloBinding", "is only for an app with slo")
	case s.SLOBinding != "" && s.SLOBinding != "redirect" && s.SLOBinding != "post":
		c.fail(path+".sloBinding", "must be redirect or post")
	}
}

func (c *checker) samlAttributes(s *SAML, path string) {
	for i, one := range s.Scopes {
		if at := index(path+".scopes", i); !slices.Contains(samlScopes, one.Name) {
			c.fail(at+".name", "must be profile, email or groups")
		} else if slices.ContainsFunc(s.Scopes[:i], func(other Scope) bool { return other.Name == one.Name }) {
			c.fail(at+".name", "is listed twice")
		}
		if one.Justification != "" {
			c.text(index(path+".scopes", i)+".justification", one.Justification, 1, 500)
		}
	}
	var names []string
	for _, claim := range sortedKeys(s.Attributes) {
		at, name := path+".attributes."+claim, s.Attributes[claim]
		switch {
		case !slices.Contains(samlClaims, claim):
			c.fail(at, "is no claim: there are %s", strings.Join(samlClaims, ", "))
		case slices.Contains(names, name):
			c.fail(at, "is the name of another attribute")
		case claim != name && slices.Contains(samlClaims, name) && s.Attributes[name] == "":
			c.fail(at, "is the name of the claim %s, which must get another one then", name)
		default:
			c.text(at, name, 1, 200)
		}
		names = append(names, name)
	}
}

func (c *checker) samlLaunch(s *SAML, path string) {
	if s.LaunchURI != "" || c.doc.Has(path+".launchUri") {
		c.uri(path+".launchUri", s.LaunchURI)
	}
	if len(s.RelayState) > maxRelayState {
		c.fail(path+".relayState", "must have at most %d bytes", maxRelayState)
	}
	if s.RelayState != "" {
		c.text(path+".relayState", s.RelayState, 1, maxRelayState)
	}
	if s.RelayState != "" && s.Unsolicited != nil && !*s.Unsolicited {
		c.fail(path+".relayState", "is only for launches by the broker, which unsolicited switches off")
	}
}
