package saml

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
)

// SPMetadata is what our own metadata says: how to reach us, and what is true of us.
type SPMetadata struct {
	EntityID, ACS, SLO string
	// WantAssertionsSigned says whether an assertion needs a signature of its own.
	WantAssertionsSigned bool
	NameIDFormat         string
	// Keys sign and decrypt, the first one now.
	Keys []KeyPair
}

// What the gate accepts and we do: SHA-256 or better, OAEP and GCM (XML Encryption 1.1).
var (
	acceptedDigests    = []string{"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512"}
	acceptedSignatures = []string{
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
		"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
	}
	acceptedEncryption = []string{
		"http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm",
		"http://www.w3.org/2009/xmlenc11#rsa-oaep", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
	}
)

// The document, in the order of the schema.
type (
	spEntity struct {
		XMLName    xml.Name `xml:"md:EntityDescriptor"`
		MD         string   `xml:"xmlns:md,attr"`
		DS         string   `xml:"xmlns:ds,attr"`
		Alg        string   `xml:"xmlns:alg,attr"`
		EntityID   string   `xml:"entityID,attr"`
		Extensions struct {
			Digests    []algorithm `xml:"alg:DigestMethod"`
			Signatures []algorithm `xml:"alg:SigningMethod"`
		} `xml:"md:Extensions"`
		Role spRole `xml:"md:SPSSODescriptor"`
	}
	algorithm struct {
		Algorithm string `xml:"Algorithm,attr"`
	}
	spRole struct {
		Protocol string       `xml:"protocolSupportEnumeration,attr"`
		Signs    bool         `xml:"AuthnRequestsSigned,attr"`
		Wants    bool         `xml:"WantAssertionsSigned,attr"`
		Keys     []spKey      `xml:"md:KeyDescriptor"`
		SLO      []spEndpoint `xml:"md:SingleLogoutService"`
		Formats  []string     `xml:"md:NameIDFormat"`
		ACS      []spEndpoint `xml:"md:AssertionConsumerService"`
	}
	spKey struct {
		Use         string      `xml:"use,attr"`
		Certificate string      `xml:"ds:KeyInfo>ds:X509Data>ds:X509Certificate"`
		Methods     []algorithm `xml:"md:EncryptionMethod"`
	}
	spEndpoint struct {
		Binding   string `xml:"Binding,attr"`
		Location  string `xml:"Location,attr"`
		Index     string `xml:"index,attr,omitempty"`
		IsDefault string `xml:"isDefault,attr,omitempty"`
	}
)

// Document returns the metadata (metadata, section 2.4.4, and the profile for
// algorithm support). Every key of ours is for both uses.
func (m SPMetadata) Document() ([]byte, error) {
	e := spEntity{
		MD: "urn:oasis:names:tc:SAML:2.0:metadata", DS: "http://www.w3.org/2000/09/xmldsig#", Alg: "urn:oasis:names:tc:SAML:metadata:algsupport", EntityID: m.EntityID,
		Role: spRole{
			Protocol: protocol, Signs: true, Wants: m.WantAssertionsSigned,
			SLO: []spEndpoint{{Binding: Redirect, Location: m.SLO}, {Binding: Post, Location: m.SLO}},
			ACS: []spEndpoint{{Binding: Post, Location: m.ACS, Index: "0", IsDefault: "true"}},
		},
	}
	if m.NameIDFormat != "" {
		e.Role.Formats = []string{m.NameIDFormat}
	}
	e.Extensions.Digests, e.Extensions.Signatures = algorithms(acceptedDigests), algorithms(acceptedSignatures)
	for _, use := range []string{"signing", "encryption"} {
		for _, k := range m.Keys {
			key := spKey{Use: use, Certificate: base64.StdEncoding.EncodeToString(k.Certificate.Raw)}
			if use == "encryption" {
				key.Methods = algorithms(acceptedEncryption)
			}
			e.Role.Keys = append(e.Role.Keys, key)
		}
	}
	raw, err := xml.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return append([]byte(xml.Header), append(raw, '\n')...), nil
}

func algorithms(names []string) []algorithm {
	all := make([]algorithm, len(names))
	for i, n := range names {
		all[i].Algorithm = n
	}
	return all
}
