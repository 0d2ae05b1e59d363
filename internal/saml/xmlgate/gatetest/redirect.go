package gatetest

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// Deflate compresses and encodes a message for the redirect binding.
func Deflate(message string) string {
	return base64.StdEncoding.EncodeToString(deflated(message))
}

func deflated(message string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write([]byte(message))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("gatetest: %v", err))
	}
	return b.Bytes()
}

// Query is a query of the redirect binding that is not signed: key is SAMLRequest
// or SAMLResponse.
func Query(key, message, relayState string) string {
	q := key + "=" + url.QueryEscape(Deflate(message))
	if relayState != "" {
		q += "&RelayState=" + url.QueryEscape(relayState)
	}
	return q
}

// SignQuery signs a query.
func SignQuery(query, method string, by Identity) string {
	query += "&SigAlg=" + url.QueryEscape(method)
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(Octets(by, method, query)))
}

// goodQuery is a signed LogoutRequest in a query.
func (l *Lab) goodQuery() Document {
	return Document{
		Query: SignQuery(Query("SAMLRequest", Unplaced(LogoutRequest()), "state/1"), RSASHA256, l.RSA),
		Want:  l.want(xmlgate.LogoutRequest, xmlgate.Envelope),
	}
}

// queries are changed, re-ordered or polluted.
func (l *Lab) queries() []Attack {
	good := l.goodQuery()
	q := good.Query
	parts := strings.Split(q, "&")
	message, relay, alg, signature := parts[0], parts[1], parts[2], parts[3]
	join := func(p ...string) string { return strings.Join(p, "&") }
	evil := Query("SAMLRequest", strings.Replace(Unplaced(LogoutRequest()), NameID, "admin@example.com", 1), "")
	embedded := l.Signed(LogoutRequest(), RequestID, Sig{})
	all := against("query", good,
		row{"RelayState before the message", "saml_query", join(relay, message, alg, signature)},
		row{"RelayState behind SigAlg", "saml_query", join(message, alg, relay, signature)},
		row{"RelayState behind Signature", "saml_query", join(message, alg, signature, relay)},
		row{"no message", "saml_query", join(relay, alg, signature)},
		row{"Signature first", "saml_query", join(signature, message, relay, alg)},
		row{"the message twice, the forged one first", "saml_query", join(evil, message, relay, alg, signature)},
		row{"the message twice, the forged one last", "saml_query", join(message, evil, relay, alg, signature)},
		row{"the forged message at the end", "saml_query", join(q, evil)},
		row{"RelayState twice", "saml_query", join(message, relay, "RelayState=x", alg, signature)},
		row{"SigAlg twice", "saml_query", join(message, relay, alg, alg, signature)},
		row{"Signature twice", "saml_query", join(q, signature)},
		row{"a parameter more", "saml_query", join(message, relay, "x=y", alg, signature)},
		row{"SAMLEncoding", "saml_query", join(q, "SAMLEncoding=x")},
		row{"an empty parameter", "saml_query", join(message, "", relay, alg, signature)},
		row{"a key that is percent-encoded", "saml_query", strings.Replace(q, "SAMLRequest", "SAML%52equest", 1)},
		row{"a response's parameter", "saml_query", strings.Replace(q, "SAMLRequest", "SAMLResponse", 1)},
		row{"a semicolon for an ampersand", "saml_query", strings.ReplaceAll(q, "&", ";")},
		row{"a semicolon in RelayState", "saml_query", join(message, relay+";x", alg, signature)},
		row{"nothing but a key", "saml_deflate", "SAMLRequest"},
		row{"no signature", "saml_unsigned", join(message, relay)},
		row{"SigAlg without Signature", "saml_query", join(message, relay, alg)},
		row{"Signature without SigAlg", "saml_query", join(message, relay, signature)},
		row{"RelayState changed", "saml_signature_invalid", strings.Replace(q, relay, "RelayState=https%3A%2F%2Fevil.example", 1)},
		row{"RelayState dropped", "saml_signature_invalid", join(message, alg, signature)},
		row{"RelayState added", "saml_signature_invalid", SignQuery(message, RSASHA256, l.RSA)[:len(message)] + "&RelayState=x&" + alg + "&" + signature},
		row{"the message changed", "saml_signature_invalid", join(evil, relay, alg, signature)},
		row{"encoded in other letters", "saml_signature_invalid", strings.Replace(q, "state%2F1", "state%2f1", 1)},
		row{"decoded where it need not be encoded", "saml_signature_invalid", strings.Replace(q, "state%2F1", "state/1", 1)},
		row{"a stranger's", "saml_signature_invalid", SignQuery(join(message, relay), RSASHA256, l.Stranger)},
		row{"RSA with SHA-1", "saml_signature_algorithm", SignQuery(join(message, relay), RSASHA1, l.RSA)},
		row{"HMAC", "saml_signature_algorithm", SignQuery(join(message, relay), HMACSHA256, l.RSA)},
		row{"no algorithm", "saml_query", join(message, relay, "SigAlg=", signature)},
		row{"an algorithm of another key", "saml_key_type", strings.Replace(q, url.QueryEscape(RSASHA256), url.QueryEscape(ECDSASHA256), 1)},
		row{"a signature that is no base64", "saml_base64", join(message, relay, alg, "Signature=%21%21")},
		row{"a bad escape", "saml_query", join(message, relay, alg, "Signature=%zz")},
		row{"a signature in the document", "saml_signature_embedded", SignQuery(Query("SAMLRequest", embedded, ""), RSASHA256, l.RSA)},
		row{"a signature in the document alone", "saml_signature_embedded", Query("SAMLRequest", embedded, "")},
		row{"a signature in Extensions of the document", "saml_signature_path", Query("SAMLRequest", swap(embedded, signatureIn(embedded), `<samlp:Extensions>`+signatureIn(embedded)+`</samlp:Extensions>`), "")},
		row{"an AuthnRequest for a LogoutRequest", "saml_root", SignQuery(Query("SAMLRequest", Unplaced(AuthnRequest()), ""), RSASHA256, l.RSA)},
		row{"a comment in NameID", "saml_comment", SignQuery(Query("SAMLRequest", strings.Replace(Unplaced(LogoutRequest()), "alice@", "alice<!--x-->@", 1), ""), RSASHA256, l.RSA)},
	)
	bound := func(kind xmlgate.Kind, signed xmlgate.Signed, query string) Document {
		return Document{Query: query, Want: l.want(kind, signed)}
	}
	ec := bound(xmlgate.LogoutRequest, xmlgate.Envelope, SignQuery(message, ECDSASHA256, l.EC))
	ec.Want.Certificates = []*x509.Certificate{l.EC.Certificate}
	nought := ec
	nought.Query, _, _ = strings.Cut(ec.Query, "&Signature=")
	nought.Query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(make([]byte, 64)))
	return append(all,
		Attack{Name: "query: a response by redirect", Good: l.good(), Bad: bound(xmlgate.Response, xmlgate.Assertion, Query("SAMLResponse", l.good().Raw, "")), Refused: "saml_binding"},
		Attack{Name: "query: metadata by redirect", Good: good, Bad: bound(xmlgate.Metadata, xmlgate.None, Query("SAMLRequest", Unplaced(Metadata()), "")), Refused: "saml_binding"},
		Attack{Name: "query: ECDSA with r and s of nought", Good: ec, Bad: nought, Refused: "saml_signature_invalid"},
	)
}

// deflation is malformed, or a bomb.
func (l *Lab) deflation() []Attack {
	good := l.goodQuery()
	packed := func(raw []byte) string {
		return SignQuery("SAMLRequest="+url.QueryEscape(base64.StdEncoding.EncodeToString(raw)), RSASHA256, l.RSA)
	}
	request := deflated(Unplaced(LogoutRequest()))
	bomb := func(mb int) string {
		return packed(deflated(Unplaced(LogoutRequest()) + strings.Repeat(" ", mb<<20)))
	}
	text := base64.StdEncoding.EncodeToString(request)
	for spaces := " "; !strings.HasSuffix(text, "="); spaces += " " { // so that bits are left over
		request = deflated(Unplaced(LogoutRequest()) + spaces)
		text = base64.StdEncoding.EncodeToString(request)
	}
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(text, '=') - 1
	spare := text[:last] + string(letters[strings.IndexByte(letters, text[last])|1]) + text[last+1:]
	return against("deflate", good,
		row{"a bomb of 100 MB, larger than a query", "saml_size", bomb(100)},
		row{"a bomb of 30 MB", "saml_size", bomb(30)},
		row{"a bomb of nested elements", "saml_depth", packed(deflated(strings.Repeat("<a>", 10_000)))},
		row{"a byte too many", "saml_size", packed(deflated(Unplaced(LogoutRequest()) + strings.Repeat(" ", 256<<10)))},
		row{"not compressed", "saml_deflate", packed([]byte(Unplaced(LogoutRequest())))},
		row{"cut", "saml_deflate", packed(request[:len(request)/2])},
		row{"something behind", "saml_deflate", packed(append(bytes.Clone(request), 'x'))},
		row{"two streams", "saml_deflate", packed(append(bytes.Clone(request), request...))},
		row{"with a zlib header", "saml_deflate", packed(append([]byte{0x78, 0x9c}, request...))},
		row{"nothing compressed", "saml_empty", packed(deflated(""))},
		row{"base64 with line ends", "saml_base64", SignQuery("SAMLRequest="+url.QueryEscape(text[:8]+"\n"+text[8:]), RSASHA256, l.RSA)},
		row{"base64 with bits that are left over", "saml_base64", SignQuery("SAMLRequest="+url.QueryEscape(spare), RSASHA256, l.RSA)},
		row{"base64 of URLs", "saml_base64", SignQuery("SAMLRequest=_-"+url.QueryEscape(text), RSASHA256, l.RSA)},
		row{"no base64", "saml_base64", SignQuery("SAMLRequest=%3Cxml%3E", RSASHA256, l.RSA)},
		row{"a query of 300 KB", "saml_size", "SAMLRequest=" + strings.Repeat("A", 300<<10)},
	)
}
