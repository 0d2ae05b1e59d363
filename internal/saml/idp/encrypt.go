package idp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // G505: see oaep
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/beevik/etree"
)

// The identifiers of XML Encryption 1.1. The digest of OAEP is SHA-1, as the standard
// has it where none is named and as every app can: OAEP does not rest on collisions.
const (
	nsEncrypt = "http://www.w3.org/2001/04/xmlenc#"
	nsSigning = "http://www.w3.org/2000/09/xmldsig#"
	element   = nsEncrypt + "Element"
	aesGCM    = "http://www.w3.org/2009/xmlenc11#aes128-gcm" // the one that every library has
	oaep      = nsEncrypt + "rsa-oaep-mgf1p"
	oaepHash  = nsSigning + "sha1"
)

var errKey = errors.New("the certificate holds no RSA key")

// encrypt returns an EncryptedAssertion that only the certificate's owner can read:
// AES-128-GCM, under a key of its own that is encrypted by RSA-OAEP. The library's
// AES-GCM encrypts nothing but zeros, and panics without a nonce.
func encrypt(plain []byte, to *x509.Certificate) (*etree.Element, error) {
	public, ok := to.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errKey
	}
	key := make([]byte, 16)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block) // puts the nonce first, as section 5.2.4 wants it
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, key, nil) //nolint:gosec // G401: see oaepHash
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	outer := etree.NewElement("saml:EncryptedAssertion")
	data := outer.CreateElement("xenc:EncryptedData")
	data.CreateAttr("xmlns:xenc", nsEncrypt)
	data.CreateAttr("Type", element)
	data.CreateElement("xenc:EncryptionMethod").CreateAttr("Algorithm", aesGCM)
	info := data.CreateElement("ds:KeyInfo")
	info.CreateAttr("xmlns:ds", nsSigning)
	sealed := info.CreateElement("xenc:EncryptedKey")
	method := sealed.CreateElement("xenc:EncryptionMethod")
	method.CreateAttr("Algorithm", oaep)
	method.CreateElement("ds:DigestMethod").CreateAttr("Algorithm", oaepHash)
	cipherValue(sealed, wrapped)
	cipherValue(data, gcm.Seal(nil, nil, plain, nil)) //nolint:gosec // G407: the AEAD makes its own random nonce
	return outer, nil
}

func cipherValue(el *etree.Element, value []byte) {
	el.CreateElement("xenc:CipherData").CreateElement("xenc:CipherValue").SetText(base64.StdEncoding.EncodeToString(value))
}
