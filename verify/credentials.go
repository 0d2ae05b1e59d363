package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"time"
)

// Credentials prove a client to the broker: they add to the form or to the header of a
// request, in the way that the client's manifest names (tokenEndpointAuthMethod).
type Credentials func(issuer string, form url.Values, header http.Header) error

// ClientSecretBasic proves a client by its secret (RFC 6749, section 2.3.1).
func ClientSecretBasic(client, secret string) Credentials {
	return func(_ string, _ url.Values, header http.Header) error {
		pair := url.QueryEscape(client) + ":" + url.QueryEscape(secret)
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		return nil
	}
}

// ClientSecretPost does so in the form.
func ClientSecretPost(client, secret string) Credentials {
	return func(_ string, form url.Values, _ http.Header) error {
		form.Set("client_id", client)
		form.Set("client_secret", secret)
		return nil
	}
}

// assertionLife is how long a client assertion is good.
const assertionLife = time.Minute

// PrivateKeyJWT proves a client by a key, whose public half its manifest has under kid
// (RFC 7523, section 2.2). The key is ECDSA on P-256, Ed25519, or RSA; it may be one that
// only signs.
func PrivateKeyJWT(client, kid string, key crypto.Signer) Credentials {
	return func(issuer string, form url.Values, _ http.Header) error {
		now := time.Now()
		raw, err := signJWT(key, map[string]any{"kid": kid, "typ": "JWT"}, map[string]any{
			"iss": client, "sub": client, "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
		})
		if err != nil {
			return fmt.Errorf("client assertion: %w", err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", raw)
		return nil
	}
}

// signJWT adds alg to the header, as the key has it.
func signJWT(key crypto.Signer, header, claims map[string]any) (string, error) {
	switch key.Public().(type) {
	case *ecdsa.PublicKey:
		header["alg"] = es256
	case *rsa.PublicKey:
		header["alg"] = rs256
	case ed25519.PublicKey:
		header["alg"] = edDSA
	default:
		return "", errors.New("the key is neither ECDSA nor RSA nor Ed25519")
	}
	first, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	second, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	input := base64.RawURLEncoding.EncodeToString(first) + "." + base64.RawURLEncoding.EncodeToString(second)
	signature, err := sign(key, []byte(input))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func sign(key crypto.Signer, input []byte) ([]byte, error) {
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := sha256.Sum256(input)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok || err != nil {
		return signature, err
	}
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 || pair.R.BitLen() > 8*p256Size || pair.S.BitLen() > 8*p256Size {
		return nil, errors.New("the key is not on P-256")
	}
	fixed := make([]byte, 2*p256Size)
	pair.R.FillBytes(fixed[:p256Size])
	pair.S.FillBytes(fixed[p256Size:])
	return fixed, nil
}
