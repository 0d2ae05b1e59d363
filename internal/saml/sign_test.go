package saml_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

func keyPair(t *testing.T) saml.KeyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: labTime.AddDate(0, 0, -1), NotAfter: labTime.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return saml.KeyPair{Key: key, Certificate: certificate}
}

// What is signed for the POST binding is good for another implementation, and where
// the schema has it: after the Issuer.
func TestXMLSecVerifiesWhatAServiceProviderSigns(t *testing.T) {
	ours, other := keyPair(t), keyPair(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	verify := func(k saml.KeyPair, element, file string) error {
		certificate := write("certificate.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}))
		_, err := testkit.XMLSec(t, "--verify", "--enabled-key-data", "key-name", "--pubkey-cert-pem", certificate, "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:"+element, file)
		return err
	}
	for element, m := range map[string]saml.Message{
		"AuthnRequest":   saml.AuthnRequest{ID: saml.NewID(), EntityID: "https://gate.example/ü?a=1&b=2", ACS: "https://gate.example/acs", Destination: "https://idp.example/sso", Issued: labTime, Force: true, Contexts: []string{"urn:a", "urn:b"}},
		"LogoutRequest":  saml.LogoutRequest{ID: saml.NewID(), EntityID: "urn:us", Destination: "https://idp.example/slo", Issued: labTime, Session: identity.UpstreamSession{Name: `A "<b>" & ü`, Format: saml.Persistent, Index: "i"}},
		"LogoutResponse": saml.LogoutResponse{ID: saml.NewID(), EntityID: "urn:us", Destination: "https://idp.example/slo", InResponseTo: "_x", Issued: labTime, Status: saml.Success},
	} {
		to, form, err := saml.Deliver(saml.Post, "https://idp.example/sso", formKind(element), m, "relay", ours)
		if err != nil || to != "https://idp.example/sso" || form.Get("RelayState") != "relay" {
			t.Fatalf("%s: %s %v %v", element, to, form, err)
		}
		raw, err := base64.StdEncoding.DecodeString(form.Get(formKind(element)))
		if err != nil {
			t.Fatal(err)
		}
		file := write(element+".xml", raw)
		if err := verify(ours, element, file); err != nil {
			t.Errorf("%s: %v\n%s", element, err, raw)
		}
		if verify(other, element, file) == nil {
			t.Errorf("%s: it is good for another key, too", element)
		}
		if after, found := strings.CutPrefix(strings.SplitN(string(raw), "</saml:Issuer>", 2)[1], "<ds:Signature"); !found {
			t.Errorf("%s: behind the Issuer is %.40s", element, after)
		}
		target, form, err := saml.Deliver(saml.Redirect, "https://idp.example/sso?x=1", formKind(element), m, "a b&c", ours)
		u, parseErr := url.Parse(target)
		if err != nil || parseErr != nil || form != nil || u.Query().Get("RelayState") != "a b&c" || u.Query().Get("x") != "1" || u.Query().Get("Signature") == "" {
			t.Errorf("%s: %s %v", element, target, err)
		}
	}
}

// formKind is what carries a message.
func formKind(element string) string {
	if strings.HasSuffix(element, "Response") {
		return saml.Response
	}
	return saml.Request
}
