package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// KeyPair is a key of ours and the certificate that peers know it by.
type KeyPair struct {
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// The names of what carries a message, in a form and in a query.
const (
	Request  = "SAMLRequest"
	Response = "SAMLResponse"
)

// NewID returns an identifier for a message: 160 random bits, and an XML name.
func NewID() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return "_" + hex.EncodeToString(b)
}

// keyStore hands a KeyPair to goxmldsig.
type keyStore KeyPair

// GetKeyPair implements dsig.X509KeyStore.
func (k keyStore) GetKeyPair() (*rsa.PrivateKey, []byte, error) { return k.Key, k.Certificate.Raw, nil }

// Sign returns the element with an enveloped signature after its Issuer, where the
// schema has it: RSA-SHA256 over its exclusive canonical form.
func Sign(el *etree.Element, k KeyPair) (*etree.Element, error) {
	signing := dsig.NewDefaultSigningContext(keyStore(k))
	signing.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := signing.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signature, err := signing.ConstructSignature(el, true)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signed := el.Copy()
	at := slices.IndexFunc(signed.Child, func(t etree.Token) bool {
		e, ok := t.(*etree.Element)
		return ok && e.Tag == "Issuer"
	})
	signed.InsertChildAt(at+1, signature)
	return signed, nil
}

// Encode returns the element as a document.
func Encode(el *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(el)
	raw, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return raw, nil
}

// Message is what can be sent.
type Message interface {
	// Element returns it as XML, unsigned.
	Element() *etree.Element
}

// Deliver signs a message and says how a browser takes it there: by the form that it
// posts (bindings, section 3.5.4), or by redirect where form is nil. kind is Request
// or Response. relayState is at most 80 bytes.
func Deliver(binding, to, kind string, m Message, relayState string, k KeyPair) (target string, form url.Values, err error) {
	if binding == Redirect {
		raw, err := Encode(m.Element())
		if err != nil {
			return "", nil, err
		}
		target, err = RedirectURL(to, kind, raw, relayState, k)
		return target, nil, err
	}
	signed, err := Sign(m.Element(), k)
	if err != nil {
		return "", nil, err
	}
	raw, err := Encode(signed)
	if err != nil {
		return "", nil, err
	}
	form = url.Values{kind: {base64.StdEncoding.EncodeToString(raw)}}
	if relayState != "" {
		form.Set("RelayState", relayState)
	}
	return to, form, nil
}

// RedirectURL is where a browser goes to deliver a message, signed over the query
// (bindings, section 3.4.4.1): the message itself has no signature.
func RedirectURL(to, kind string, message []byte, relayState string, k KeyPair) (string, error) {
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestCompression)
	if err == nil {
		_, err = w.Write(message)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("deflate: %w", err)
	}
	query := kind + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflated.Bytes()))
	if relayState != "" {
		query += "&RelayState=" + url.QueryEscape(relayState)
	}
	query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	digest := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(nil, k.Key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return to + separator + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)), nil
}
