package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// Bounds of a client's published keys.
const (
	clientKeysLife = 5 * time.Minute
	clientKeysWait = 10 * time.Second
	maxJWKS        = 256 << 10
)

// credentials are what a request brings to prove its client.
type credentials struct {
	method     registry.AuthMethod
	id, secret string
	assertion  assertion
}

// authenticate returns the client that the request proves to come from, by the
// one method that is registered for it. An address that fails too often is not
// listened to for a while, as that client or at all.
func (p *Provider) authenticate(r *http.Request, form url.Values) (*registry.Client, error) {
	return p.authenticateWithin(r, form, p.o.Limits.Client, p.o.Limits.Address)
}

// authenticateWithin is authenticate with other bounds of how often a client and an
// address may ask; nil bounds no address.
func (p *Provider) authenticateWithin(r *http.Request, form url.Values, client, from Limiter) (*registry.Client, error) {
	got, err := readCredentials(r, form)
	if err != nil && !errors.Is(err, errInvalidClient) {
		return nil, err
	}
	address := httpx.ClientNetwork(r)
	as := got.id + "\n" + address
	var often error
	if from != nil {
		often = from.Count(r.Context(), address)
	}
	if err := cmp.Or(often, p.o.Limits.AddressFailures.Check(address), p.o.Limits.ClientFailures.Check(as)); err != nil {
		return nil, err
	}
	var c *registry.Client
	if err == nil {
		c, err = p.prove(r, got)
	}
	switch {
	case err == nil && c.Method == registry.AuthNone:
		err = client.Count(r.Context(), as) // anybody can say that they are it
	case err == nil:
		err = client.Count(r.Context(), c.ID)
	case errors.Is(err, errInvalidClient) || fault.As(err).Code == errInvalidClient.Code:
		err = cmp.Or(p.o.Limits.AddressFailures.Count(r.Context(), address), p.o.Limits.ClientFailures.Count(r.Context(), as), err)
	}
	return c, err
}

func (p *Provider) prove(r *http.Request, got credentials) (*registry.Client, error) {
	c, err := p.o.Clients.Client(r.Context(), got.id)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	if c == nil {
		// Unknown and wrong cost the same: a secret is compared in either case.
		c = &registry.Client{Method: got.method, SecretHashes: [][]byte{make([]byte, 32)}}
		got.secret = ""
	}
	if c.Method != got.method {
		return nil, errInvalidClient
	}
	switch got.method {
	case registry.AuthBasic, registry.AuthPost:
		err = checkSecret(c, got.secret)
	case registry.AuthPrivateKeyJWT:
		err = p.checkAssertion(r.Context(), c, &got.assertion)
	case registry.AuthNone:
		if c.ID == "" {
			err = errInvalidClient
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func checkSecret(c *registry.Client, secret string) error {
	hash, match := hashOf(secret), 0
	for _, h := range c.SecretHashes {
		match |= subtle.ConstantTimeCompare(hash, h)
	}
	if match != 1 || c.ID == "" {
		return errInvalidClient
	}
	return nil
}

// readCredentials finds the one method that the request uses.
func readCredentials(r *http.Request, form url.Values) (credentials, error) {
	var found []credentials
	if header := r.Header.Get("Authorization"); header != "" {
		id, secret, ok := basic(header)
		if !ok || len(r.Header.Values("Authorization")) != 1 {
			return credentials{}, errInvalidClient
		}
		found = append(found, credentials{method: registry.AuthBasic, id: id, secret: secret})
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		if form.Get("client_assertion_type") != assertionType {
			return credentials{}, errInvalidClient
		}
		a := readAssertion(form.Get("client_assertion"))
		found = append(found, credentials{method: registry.AuthPrivateKeyJWT, id: a.claims.Issuer, assertion: a})
	}
	if form.Has("client_secret") {
		found = append(found, credentials{method: registry.AuthPost, id: form.Get("client_id"), secret: form.Get("client_secret")})
	}
	if len(found) == 0 && form.Get("client_id") != "" {
		found = append(found, credentials{method: registry.AuthNone, id: form.Get("client_id")})
	}
	switch {
	case len(found) == 0:
		return credentials{}, errInvalidClient
	case len(found) > 1:
		return credentials{}, invalidRequest("a client proves itself in one way at a time")
	case form.Has("client_id") && form.Get("client_id") != found[0].id:
		return credentials{}, errInvalidClient
	}
	return found[0], nil
}

// basic decodes client_secret_basic: each half is form-encoded before it is
// joined (RFC 6749, section 2.3.1).
func basic(header string) (id, secret string, ok bool) {
	scheme, text, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return "", "", false
	}
	first, second, ok := strings.Cut(string(raw), ":")
	id, err = url.QueryUnescape(first)
	if err != nil || !ok {
		return "", "", false
	}
	secret, err = url.QueryUnescape(second)
	return id, secret, err == nil
}

// assertionKeys remembers the keys of clients.
type assertionKeys struct {
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	sets map[string]clientKeys // by what they were read from
}

type clientKeys struct {
	set   keys.KeySet
	err   error
	until time.Time
}

func newAssertionKeys(client *http.Client, now func() time.Time) *assertionKeys {
	return &assertionKeys{client: client, now: now, sets: map[string]clientKeys{}}
}

// of returns the client's keys: inline ones parsed once, published ones read
// again after a while. A failure to read them is remembered for a moment.
func (k *assertionKeys) of(ctx context.Context, c *registry.Client) (keys.KeySet, error) {
	source := c.JWKSURI
	if len(c.JWKS) > 0 {
		source = string(c.JWKS)
	}
	if source == "" {
		return keys.KeySet{}, errInvalidClient
	}
	k.mu.Lock()
	known, ok := k.sets[source]
	k.mu.Unlock()
	if ok && k.now().Before(known.until) {
		return known.set, known.err
	}
	fresh := clientKeys{until: k.now().Add(clientKeysLife)}
	if len(c.JWKS) > 0 {
		fresh.set, fresh.err = keys.ParseJWKS(c.JWKS)
	} else if fresh.set, fresh.err = k.read(ctx, c.JWKSURI); fresh.err != nil {
		fresh.until = k.now().Add(clientKeysWait)
	}
	if fresh.err != nil {
		fresh.err = fault.Wrap(fresh.err, errInvalidClient.Kind, errInvalidClient.Code, "the client's keys could not be read")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sets[source] = fresh
	return fresh.set, fresh.err
}

func (k *assertionKeys) read(ctx context.Context, from string) (keys.KeySet, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, from, nil)
	if err != nil {
		return keys.KeySet{}, err
	}
	res, err := k.client.Do(req)
	if err != nil {
		return keys.KeySet{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS))
	if err != nil {
		return keys.KeySet{}, err
	}
	if res.StatusCode != http.StatusOK {
		return keys.KeySet{}, fault.New(fault.Unavailable, "jwks_status", "the client's jwks_uri answers %d", res.StatusCode)
	}
	return keys.ParseJWKS(raw)
}
