package gatetest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the digest of OAEP
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// Algorithm identifiers of XML Encryption, good and bad.
const (
	OAEPMGF1P = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
	OAEP      = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
	RSA15     = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
	AES128GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
	AES192GCM = "http://www.w3.org/2009/xmlenc11#aes192-gcm"
	AES256GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	AES128CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
	AES256CBC = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
	TripleDES = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"
	MGF1SHA1  = "http://www.w3.org/2009/xmlenc11#mgf1sha1"
	MGF1SHA2  = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
)

const (
	nsE   = ` xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"`
	nsE11 = ` xmlns:xenc11="http://www.w3.org/2009/xmlenc11#"`
)

// Enc says how to encrypt; the zero value of a field is the usual choice.
type Enc struct {
	To                     *rsa.PublicKey
	Key, Digest, MGF, Data string
	// Sibling puts the encrypted key beside the data instead of within.
	Sibling bool
}

// Encrypt encrypts an assertion.
func Encrypt(plain string, e Enc) string {
	for _, f := range []struct {
		to    *string
		value string
	}{{&e.Key, OAEPMGF1P}, {&e.Data, AES256GCM}} {
		if *f.to == "" {
			*f.to = f.value
		}
	}
	secret, data := seal(plain, e.Data)
	key := `<xenc:EncryptedKey` + nsE + `><xenc:EncryptionMethod Algorithm="` + e.Key + `">` + oaepParts(e) + `</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>` +
		base64.StdEncoding.EncodeToString(wrap(secret, e)) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`
	// Within the data the canonical form does not declare the namespace again.
	inside, beside := `<ds:KeyInfo`+nsDS+`>`+swap(key, nsE, "")+`</ds:KeyInfo>`, ""
	if e.Sibling {
		inside, beside = `<ds:KeyInfo`+nsDS+`><ds:RetrievalMethod Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey" URI="#_k1"></ds:RetrievalMethod></ds:KeyInfo>`, swap(key, nsE, nsE+` Id="_k1"`)
	}
	return `<saml:EncryptedAssertion` + nsA + `><xenc:EncryptedData` + nsE + ` Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="` + e.Data +
		`"></xenc:EncryptionMethod>` + inside + `<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(data) +
		`</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>` + beside + `</saml:EncryptedAssertion>`
}

// oaepParts are the elements that say how OAEP is used.
func oaepParts(e Enc) string {
	parts := ""
	if e.Digest != "" {
		parts = `<ds:DigestMethod` + nsDS + ` Algorithm="` + e.Digest + `"></ds:DigestMethod>`
	}
	if e.MGF != "" {
		parts += `<xenc11:MGF` + nsE11 + ` Algorithm="` + e.MGF + `"></xenc11:MGF>`
	}
	return parts
}

// seal encrypts with a new key. What is not GCM gets bytes that look like CBC.
func seal(plain, algorithm string) (secret, data []byte) {
	secret = random(map[string]int{AES128GCM: 16, AES192GCM: 24, AES128CBC: 16}[algorithm])
	if len(secret) == 0 {
		secret = random(32)
	}
	if !strings.HasSuffix(algorithm, "-gcm") {
		return secret, random(len(plain)/16*16 + 32)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(fmt.Sprintf("gatetest: %v", err))
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("gatetest: %v", err))
	}
	nonce := random(gcm.NonceSize())
	return secret, gcm.Seal(nonce, nonce, []byte(plain), nil)
}

// wrap encrypts a key for its reader.
func wrap(secret []byte, e Enc) []byte {
	hashes := map[string]func() hash.Hash{"": sha1.New, SHA1: sha1.New, SHA256: sha256.New, SHA512: sha512.New, MGF1SHA1: sha1.New, MGF1SHA2: sha256.New}
	label, mask := hashes[e.Digest], hashes[e.MGF]
	var out []byte
	var err error
	switch {
	case e.Key == RSA15 || label == nil || mask == nil:
		out, err = rsa.EncryptPKCS1v15(rand.Reader, e.To, secret) //nolint:staticcheck // an attack is what this is for
	default:
		out, err = rsa.EncryptOAEPWithOptions(rand.Reader, e.To, secret, &rsa.OAEPOptions{Hash: hashOf(label), MGFHash: hashOf(mask)})
	}
	if err != nil {
		panic(fmt.Sprintf("gatetest: %v", err))
	}
	return out
}

// hashOf names a digest by its size.
func hashOf(make func() hash.Hash) crypto.Hash {
	return map[int]crypto.Hash{sha1.Size: crypto.SHA1, sha256.Size: crypto.SHA256, sha512.Size: crypto.SHA512}[make().Size()]
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// EncryptedAssertion is a Response with an encrypted assertion that is signed.
func (l *Lab) EncryptedAssertion(s Sig, e Enc) string {
	return Unplaced(Envelope(Encrypt(l.signed(s), l.to(e))))
}

// to fills in for whom it is encrypted.
func (l *Lab) to(e Enc) Enc {
	if e.To == nil {
		e.To = &l.Ours.PublicKey
	}
	return e
}

// wantEncrypted is what a service provider with a key expects.
func (l *Lab) wantEncrypted(signed xmlgate.Signed) xmlgate.Want {
	w := l.want(xmlgate.Response, signed)
	w.Decrypt = []*rsa.PrivateKey{l.Ours}
	return w
}

// encryption is used to bring in what would be refused otherwise.
func (l *Lab) encryption() []Attack {
	good := Document{Raw: l.EncryptedAssertion(Sig{}, Enc{}), Want: l.wantEncrypted(xmlgate.Assertion)}
	holds := func(plain string) string { return Unplaced(Envelope(Encrypt(plain, l.to(Enc{})))) }
	signed := l.signed(Sig{})
	either := good
	either.Want.Signed = xmlgate.Either
	plain := l.good()
	envelope := Sign(Envelope(Encrypt(Forged(), l.to(Enc{}))), "", ResponseID, l.by(Sig{})) // a signature over something else
	all := against("encryption", good,
		row{"a forged assertion", "saml_assertion_unsigned", holds(Forged())},
		row{"an encrypted assertion injected before the signed one", "saml_assertion_count", Unplaced(Envelope(Encrypt(Forged(), l.to(Enc{})) + signed))},
		row{"an encrypted assertion injected after the signed one", "saml_assertion_count", Unplaced(Envelope(signed + Encrypt(Forged(), l.to(Enc{}))))},
		row{"two encrypted assertions", "saml_assertion_count", Unplaced(Envelope(Encrypt(Forged(), l.to(Enc{})) + Encrypt(signed, l.to(Enc{}))))},
		row{"signed by a stranger", "saml_signature_invalid", l.EncryptedAssertion(Sig{By: l.Stranger}, Enc{})},
		row{"changed within", "saml_digest_mismatch", holds(swap(signed, nameID, `>admin@example.com</saml:NameID>`))},
		row{"two assertions within", "saml_xml", holds(signed + Forged())},
		row{"a forged assertion around the signed one", "saml_assertion_count", holds(swap(Forged(), `</saml:Assertion>`, signed+`</saml:Assertion>`))},
		row{"a response within", "saml_root", holds(strings.ReplaceAll(l.good().Raw, ResponseID, "_r2"))},
		row{"an encrypted assertion within", "saml_root", holds(Encrypt(signed, l.to(Enc{})))},
		row{"a DTD within", "saml_doctype", holds(`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + signed)},
		row{"a comment within", "saml_comment", holds(swap(signed, "alice@", "alice<!--x-->@"))},
		row{"nothing within", "saml_cipher_value", holds("")},
		row{"no XML within", "saml_xml", holds("alice")},
		row{"the ID of the response within", "saml_id_twice", holds(strings.ReplaceAll(signed, AssertionID, ResponseID))},
		row{"no Subject within", "saml_element_missing", holds(swap(signed, between(signed, `<saml:Subject>`, `</saml:Subject>`), ""))},
		row{"300 KB within", "saml_size", holds(signed + strings.Repeat(" ", 300<<10))},
	)
	all = append(all, against("encryption", either,
		row{"a forged assertion where either may be signed", "saml_unsigned", holds(Forged())},
		row{"a forged assertion in a response whose signature is for another", "saml_digest_mismatch", envelope},
	)...)
	unready := good
	unready.Want.Decrypt = nil
	other := good
	other.Want.Decrypt = []*rsa.PrivateKey{l.Stranger.Key.(*rsa.PrivateKey)}
	weak := Document{Raw: l.EncryptedAssertion(Sig{}, Enc{To: &l.Weak.Key.(*rsa.PrivateKey).PublicKey}), Want: good.Want}
	weak.Want.Decrypt = []*rsa.PrivateKey{l.Weak.Key.(*rsa.PrivateKey)}
	return append(all,
		Attack{Name: "encryption: no key is configured", Good: plain, Bad: unready, Refused: "saml_decryption_key"},
		Attack{Name: "encryption: for somebody else", Good: good, Bad: other, Refused: "saml_decrypt"},
		Attack{Name: "encryption: for a key of 1024 bits", Good: good, Bad: weak, Refused: "saml_decrypt"},
	)
}

// ciphers are those that let a stranger read or write, or are malformed.
func (l *Lab) ciphers() []Attack {
	good := Document{Raw: l.EncryptedAssertion(Sig{}, Enc{}), Want: l.wantEncrypted(xmlgate.Assertion)}
	by := func(e Enc) string { return l.EncryptedAssertion(Sig{}, e) }
	key := between(good.Raw, `<xenc:EncryptedKey`, `</xenc:EncryptedKey>`)
	data := strings.LastIndex(good.Raw, `<xenc:CipherValue>`)
	dataValue := func(becomes string) string {
		head, tail := good.Raw[:data], good.Raw[data:]
		return head + swap(tail, between(tail, `<xenc:CipherValue>`, `</xenc:CipherValue>`), `<xenc:CipherValue>`+becomes+`</xenc:CipherValue>`)
	}
	short := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	flipped := []byte(good.Raw)
	if at := data + len(`<xenc:CipherValue>`) + 40; flipped[at] == 'A' {
		flipped[at] = 'B'
	} else {
		flipped[at] = 'A'
	}
	return against("cipher", good,
		row{"AES-128-CBC", "saml_block_cipher", by(Enc{Data: AES128CBC})},
		row{"AES-256-CBC", "saml_block_cipher", by(Enc{Data: AES256CBC})},
		row{"3DES", "saml_block_cipher", by(Enc{Data: TripleDES})},
		row{"no cipher", "saml_block_cipher", swap(good.Raw, AES256GCM, "")},
		row{"GCM relabelled as CBC", "saml_block_cipher", swap(good.Raw, AES256GCM, AES256CBC)},
		row{"GCM of another key length", "saml_decrypt", swap(good.Raw, AES256GCM, AES128GCM)},
		row{"RSA with PKCS #1 v1.5", "saml_key_transport", by(Enc{Key: RSA15})},
		row{"AES key wrap", "saml_key_transport", swap(good.Raw, OAEPMGF1P, "http://www.w3.org/2001/04/xmlenc#kw-aes128")},
		row{"OAEP with MD5", "saml_oaep", by(Enc{Digest: "http://www.w3.org/2001/04/xmldsig-more#md5"})},
		row{"OAEP with a mask of nobody's", "saml_oaep", by(Enc{Key: OAEP, MGF: "urn:example:mgf"})},
		row{"the old OAEP with a mask of its own", "saml_oaep", by(Enc{MGF: MGF1SHA2})},
		row{"OAEP with a label", "saml_oaep", swap(good.Raw, OAEPMGF1P+`">`, OAEPMGF1P+`"><xenc:OAEPparams>AAAA</xenc:OAEPparams>`)},
		row{"no encrypted key", "saml_encrypted_key_count", swap(good.Raw, key, "")},
		row{"two encrypted keys", "saml_encrypted_key_count", swap(good.Raw, key, key+key)},
		row{"an encrypted key without a value", "saml_element_missing", swap(good.Raw, between(key, `<xenc:CipherData>`, `</xenc:CipherData>`), "")},
		row{"a value elsewhere", "saml_element_unknown", swap(good.Raw, between(key, `<xenc:CipherValue>`, `</xenc:CipherValue>`), `<xenc:CipherReference URI="http://169.254.169.254/"></xenc:CipherReference>`)},
		row{"content instead of an element", "saml_encrypted_type", swap(good.Raw, "xmlenc#Element", "xmlenc#Content")},
		row{"a value of no bytes", "saml_base64", dataValue("")},
		row{"a value of 11 bytes, less than a nonce", "saml_cipher_value", dataValue(short(11))},
		row{"a value of a nonce and a tag", "saml_cipher_value", dataValue(short(28))},
		row{"a value of 29 bytes", "saml_decrypt", dataValue(short(29))},
		row{"a value that is no base64", "saml_base64", dataValue("!")},
		row{"a value with a letter changed", "saml_decrypt", string(flipped)},
		row{"a key of no bytes", "saml_base64", swap(good.Raw, between(key, `<xenc:CipherValue>`, `</xenc:CipherValue>`), `<xenc:CipherValue></xenc:CipherValue>`)},
		row{"a key that is too short", "saml_decrypt", swap(good.Raw, between(key, `<xenc:CipherValue>`, `</xenc:CipherValue>`), `<xenc:CipherValue>AAAA</xenc:CipherValue>`)},
		row{"an assertion that is not encrypted within", "saml_element_missing", Unplaced(Envelope(`<saml:EncryptedAssertion` + nsA + `></saml:EncryptedAssertion>`))},
	)
}
