package saml_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// descriptor is the metadata of an identity provider: keys, then endpoints.
func descriptor(attributes, content string) string {
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + gatetest.Issuer + `"` + attributes + `>` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + content + `</md:IDPSSODescriptor></md:EntityDescriptor>`
}

func keyFor(use string, id gatetest.Identity) string {
	return `<md:KeyDescriptor` + use + `><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` + "\n  " +
		base64.StdEncoding.EncodeToString(id.Certificate.Raw) + "\n" + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
}

const sso = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>`

// federation is metadata as AD FS and Entra write it: signed, with a byte order mark,
// and with roles of WS-Federation around that of SAML.
func federation(lab *gatetest.Lab, entityID string) string {
	role := `<RoleDescriptor xsi:type="fed:SecurityTokenServiceType" protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" ServiceDisplayName="Example"` +
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">` + unprefixed(keyFor(` use="signing"`, lab.Next)) +
		`<fed:ClaimTypesOffered><auth:ClaimType Uri="http://schemas.xmlsoap.org/claims/Group" Optional="true" xmlns:auth="http://docs.oasis-open.org/wsfed/authorization/200706">` +
		`<auth:DisplayName>Group</auth:DisplayName></auth:ClaimType></fed:ClaimTypesOffered><fed:PassiveRequestorEndpoint>` +
		`<wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>https://idp.example.com/adfs/ls/</wsa:Address></wsa:EndpointReference></fed:PassiveRequestorEndpoint></RoleDescriptor>`
	text := `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="` + gatetest.MetadataID + `" entityID="` + entityID + `">` + gatetest.Place(gatetest.MetadataID) + role +
		`<SPSSODescriptor WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + unprefixed(keyFor(` use="signing"`, lab.EC)) +
		`<AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/adfs/ls/" index="0" isDefault="true"/></SPSSODescriptor>` +
		`<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + unprefixed(keyFor(` use="encryption"`, lab.Stranger)+keyFor(` use="signing"`, lab.RSA)) +
		`<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/adfs/ls/"/>` +
		`<NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>` + unprefixed(strings.ReplaceAll(sso, "/sso", "/adfs/sso")) +
		`<Attribute Name="http://schemas.xmlsoap.org/claims/Group" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" FriendlyName="Group" xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>` +
		`</IDPSSODescriptor><ContactPerson contactType="support"/></EntityDescriptor>`
	return "\ufeff" + `<?xml version="1.0" encoding="utf-8"?>` + gatetest.Sign(text, text, gatetest.MetadataID, gatetest.Sig{By: lab.Next})
}

func unprefixed(text string) string {
	return strings.NewReplacer("<md:", "<", "</md:", "</").Replace(text)
}

func group(attributes string, members ...string) string {
	return `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"` + attributes + `>` + strings.Join(members, "") + `</md:EntitiesDescriptor>`
}

func TestMetadataGivesEndpointsAndCertificates(t *testing.T) {
	lab, err := gatetest.New()
	if err != nil {
		t.Fatal(err)
	}
	signing := keyFor(` use="signing"`, lab.RSA)
	good := descriptor("", signing+sso)
	other := strings.ReplaceAll(good, gatetest.Issuer, "https://other.example")
	for name, c := range map[string]struct {
		text  string
		keys  int
		until time.Time
		code  string
	}{
		"alone":                      {text: good, keys: 1},
		"as AD FS writes it":         {text: federation(lab, gatetest.Issuer), keys: 1},
		"among others":               {text: group("", other, group("", good)), keys: 1},
		"for any use":                {text: descriptor("", keyFor("", lab.RSA)+sso), keys: 1},
		"old and new":                {text: descriptor("", signing+keyFor(` use="signing"`, lab.EC)+sso), keys: 2},
		"the same twice":             {text: descriptor("", signing+signing+sso), keys: 1},
		"a weak one beside":          {text: descriptor("", signing+keyFor(` use="signing"`, lab.Weak)+sso), keys: 1},
		"for encryption beside":      {text: descriptor("", signing+keyFor(` use="encryption"`, lab.Next)+sso), keys: 1},
		"with an end":                {text: descriptor(` validUntil="2026-11-27T00:00:00Z"`, signing+sso), keys: 1, until: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)},
		"with an end around":         {text: group(` validUntil="2026-11-27T00:00:00Z"`, good), keys: 1, until: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)},
		"over, around":               {text: group(` validUntil="2026-11-25T00:00:00Z"`, good), code: "saml_metadata_expired"},
		"over":                       {text: descriptor(` validUntil="2026-11-25T00:00:00Z"`, signing+sso), code: "saml_metadata_expired"},
		"of another":                 {text: other, code: "saml_metadata_entity"},
		"of others":                  {text: group("", other), code: "saml_metadata_entity"},
		"twice":                      {text: group("", good, good), code: "saml_metadata_entity"},
		"no certificate":             {text: descriptor("", sso), code: "saml_metadata_key"},
		"a weak certificate":         {text: descriptor("", keyFor("", lab.Weak)+sso), code: "saml_metadata_key"},
		"seventeen certificates":     {text: descriptor("", seventeen(t, lab)+sso), code: "saml_metadata_key"},
		"no endpoint":                {text: descriptor("", signing), code: "saml_metadata_endpoint"},
		"no endpoint for us":         {text: descriptor("", signing+strings.ReplaceAll(sso, "HTTP-Redirect", "SOAP")), code: "saml_metadata_endpoint"},
		"an endpoint without TLS":    {text: descriptor("", signing+strings.ReplaceAll(sso, "https", "http")), code: "saml_metadata_endpoint"},
		"an endpoint in the machine": {text: descriptor("", signing+strings.ReplaceAll(sso, "https://idp.example.com", "http://localhost:8081")), keys: 1},
		"an endpoint with a quote":   {text: descriptor("", signing+strings.ReplaceAll(sso, "/sso", "/&quot;x")), code: "saml_metadata_endpoint"},
		"a service provider":         {text: strings.ReplaceAll(descriptor("", signing), "IDPSSO", "SPSSO"), code: "saml_metadata_role"},
	} {
		p, err := saml.ParseIDP([]byte(c.text), saml.Source{EntityID: gatetest.Issuer, Now: lab.Now})
		if c.code != "" {
			if fault.As(err).Code != c.code {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
			continue
		}
		if err != nil || len(p.Certificates) != c.keys || !p.ValidUntil.Equal(c.until) || !strings.HasSuffix(p.SSO[saml.Redirect], "/sso") {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

// seventeen are more certificates than one provider may have.
func seventeen(t *testing.T, lab *gatetest.Lab) (all string) {
	t.Helper()
	for _, id := range []gatetest.Identity{lab.RSA, lab.Next, lab.EC, lab.Stranger, lab.Expired} {
		all += keyFor("", id)
	}
	for range 3 {
		more, err := gatetest.New()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []gatetest.Identity{more.RSA, more.Next, more.EC, more.Stranger} {
			all += keyFor("", id)
		}
	}
	return all
}

func FuzzParseIDP(f *testing.F) {
	lab, err := gatetest.New()
	if err != nil {
		f.Fatal(err)
	}
	good := descriptor("", keyFor("", lab.RSA)+keyFor("", lab.EC)+sso)
	for _, seed := range []string{good, group("", good, group("", good)), descriptor(` validUntil="x" cacheDuration="P1D"`, sso), "<a/>", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := saml.ParseIDP(raw, saml.Source{EntityID: gatetest.Issuer, Now: lab.Now})
		if err != nil {
			if fault.As(err).Code == "internal" {
				t.Errorf("refused without a name: %v", err)
			}
			return
		}
		if p.EntityID != gatetest.Issuer || len(p.SSO) == 0 || len(p.Certificates) == 0 {
			t.Fatalf("%+v", p)
		}
		for _, c := range p.Certificates {
			switch key := c.PublicKey.(type) {
			case *rsa.PublicKey:
				if key.N.BitLen() < 2048 {
					t.Error("a weak key")
				}
			case *ecdsa.PublicKey:
			default:
				t.Errorf("%T", key)
			}
		}
		for _, to := range p.SSO {
			if !strings.HasPrefix(to, "https://") && !strings.HasPrefix(to, "http://localhost") && !strings.HasPrefix(to, "http://127.") && !strings.HasPrefix(to, "http://[::") {
				t.Errorf("leads to %s", to)
			}
		}
	})
}
