package xmlgate

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
)

// keySizes are the block ciphers that are let in, by identifier, with the length
// of their keys in bytes: those that authenticate. CBC lets a stranger decrypt by
// asking (Jager and Somorovsky 2011), so does RSA with PKCS #1 v1.5.
var keySizes = map[string]int{
	"http://www.w3.org/2009/xmlenc11#aes128-gcm": 16,
	"http://www.w3.org/2009/xmlenc11#aes192-gcm": 24,
	"http://www.w3.org/2009/xmlenc11#aes256-gcm": 32,
}

// The two forms of RSA-OAEP (XML Encryption 1.1 section 5.5.2). The first has its
// mask made with SHA-1 always, the second says with what.
const (
	oaepMGF1SHA1 = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
	oaep         = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
)

// oaepHashes are the digests of OAEP's label, by identifier. SHA-1 is among them: it
// is the default of the standard and of nearly every identity provider, and OAEP does
// not rest on the digest's resistance to collisions, which SHA-1 lost, but on its
// being a random function.
var oaepHashes = map[string]crypto.Hash{
	"": crypto.SHA1, "http://www.w3.org/2000/09/xmldsig#sha1": crypto.SHA1,
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// mgfHashes are the digests of OAEP's mask, by identifier.
var mgfHashes = map[string]crypto.Hash{
	"": crypto.SHA1, "http://www.w3.org/2009/xmlenc11#mgf1sha1": crypto.SHA1,
	"http://www.w3.org/2009/xmlenc11#mgf1sha256": crypto.SHA256,
	"http://www.w3.org/2009/xmlenc11#mgf1sha384": crypto.SHA384,
	"http://www.w3.org/2009/xmlenc11#mgf1sha512": crypto.SHA512,
}

// wholeElement is the type of data that is an element; without a type it is too.
const wholeElement = "http://www.w3.org/2001/04/xmlenc#Element"

// gcmOverhead is the nonce and the tag of AES-GCM, in bytes.
const gcmOverhead = 12 + 16

// sealed is an encrypted assertion, taken apart.
type sealed struct {
	by        EncryptedBy
	options   rsa.OAEPOptions
	key, data []byte
}

// decrypted decrypts an assertion and has it go through all checks of its form.
// ids are those of the document around it, which it may not repeat.
func (w Want) decrypted(n *node, ids map[string]struct{}) (*node, *EncryptedBy, error) {
	if len(w.Decrypt) == 0 {
		return nil, nil, refuse("saml_decryption_key", "an assertion that is not encrypted, since no key is configured", "an encrypted one")
	}
	s, err := sealing(n)
	if err != nil {
		return nil, nil, err
	}
	for _, key := range w.Decrypt {
		if plain, ok := s.open(key); ok {
			root, _, err := again(plain, plainAssertion, w.Limits, ids)
			return root, &s.by, err
		}
	}
	// One answer for every cause: which it was would tell of the keys.
	return nil, nil, refuse("saml_decrypt", "an assertion encrypted for a configured key", "one that does not decrypt")
}

// sealing takes an EncryptedAssertion apart and checks its algorithms.
func sealing(n *node) (*sealed, error) {
	data := n.child(enc("EncryptedData"))
	if kind, has := data.attr("Type"); has && kind != wholeElement {
		return nil, refuse("saml_encrypted_type", "an encrypted element", "%s", quote(kind))
	}
	keys := n.all(enc("EncryptedKey"))
	if info := data.child(ds("KeyInfo")); info != nil {
		keys = append(keys, info.all(enc("EncryptedKey"))...)
	}
	if len(keys) != 1 {
		return nil, refuse("saml_encrypted_key_count", "one encrypted key", "%d", len(keys))
	}
	if err := conforms(keys[0]); err != nil {
		return nil, err
	}
	s := &sealed{}
	s.by.Data, _ = data.child(enc("EncryptionMethod")).attr("Algorithm")
	if _, known := keySizes[s.by.Data]; !known {
		return nil, refuse("saml_block_cipher", "AES-GCM", "%s", quote(s.by.Data))
	}
	if err := s.transport(keys[0].child(enc("EncryptionMethod"))); err != nil {
		return nil, err
	}
	var err error
	if s.key, err = cipherValue(keys[0]); err != nil {
		return nil, err
	}
	if s.data, err = cipherValue(data); err == nil && len(s.data) <= gcmOverhead {
		err = refuse("saml_cipher_value", "a nonce, a text and a tag", "%d bytes", len(s.data))
	}
	return s, err
}

// transport checks how the key is encrypted.
func (s *sealed) transport(m *node) error {
	s.by.Key, _ = m.attr("Algorithm")
	if s.by.Key != oaepMGF1SHA1 && s.by.Key != oaep {
		return refuse("saml_key_transport", "RSA-OAEP", "%s", quote(s.by.Key))
	}
	if m.child(enc("OAEPparams")).content() != "" {
		return refuse("saml_oaep", "RSA-OAEP without a label", "one")
	}
	if d := m.child(ds("DigestMethod")); d != nil {
		s.by.Digest, _ = d.attr("Algorithm")
	}
	if g := m.child(name{nsEncrypt11, "MGF"}); g != nil {
		s.by.MGF, _ = g.attr("Algorithm")
	}
	var digest, mask bool
	s.options.Hash, digest = oaepHashes[s.by.Digest]
	s.options.MGFHash, mask = mgfHashes[s.by.MGF]
	if !digest || !mask || s.by.Key == oaepMGF1SHA1 && s.by.MGF != "" {
		return refuse("saml_oaep", "a digest and a mask of SHA-1 or SHA-2", "%s and %s", quote(s.by.Digest), quote(s.by.MGF))
	}
	return nil
}

// open decrypts with one key, and says only whether it could.
func (s *sealed) open(private *rsa.PrivateKey) (plain []byte, ok bool) {
	if size := private.N.BitLen(); size < minRSA || size > maxRSA {
		return nil, false
	}
	key, err := private.Decrypt(nil, s.key, &s.options)
	if err != nil || len(key) != keySizes[s.by.Data] {
		return nil, false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false
	}
	plain, err = gcm.Open(nil, s.data[:gcm.NonceSize()], s.data[gcm.NonceSize():], nil)
	return plain, err == nil
}

// cipherValue decodes what an encrypted key or encrypted data holds.
func cipherValue(n *node) ([]byte, error) {
	return unbase64(n.child(enc("CipherData")).child(enc("CipherValue")).content())
}

// enc returns a name of XML Encryption.
func enc(local string) name { return name{nsEncrypt, local} }
