package tokenexchange_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

const issuer = "https://login.example"

// shelf keeps signing keys in memory.
type shelf struct{ records []keys.Record }

func (s *shelf) Keys(context.Context) ([]keys.Record, error) { return slices.Clone(s.records), nil }

func (s *shelf) Rotate(_ context.Context, change keys.Change) (err error) {
	s.records, _, err = change(slices.Clone(s.records))
	return err
}

// world is a token endpoint with the grant, and all that it asks: each part good
// until a test spoils it.
type world struct {
	*token.Minter
	t         testing.TB
	mux       *http.ServeMux
	now       time.Time
	clients   map[string]*registry.Client
	audiences map[string]*registry.Audience
	off       bool            // the person is switched off
	lately    error           // what was known of the person a while ago
	barred    map[string]bool // apps, by id, that the person may not use
	withdrawn []catalog.Right // what the sides of APIs do not agree to
	revoked   map[identity.Ref]uint64
	applied   uint64
	behind    map[string]uint64 // how much older what is known of a client is
	unknown   bool              // whether anything was revoked cannot be told
	events    []event.Event
	deaf      error // why the audit log takes nothing
	kid       string
	grant     *tokenexchange.Exchange
	provider  *oidc.Provider
	verifier  *token.Verifier

	// abroad are the tokens of other issuers that desk, a and b may bring, by how they are
	// written; astray is why none can be verified.
	abroad map[string]identity.SubjectToken
	astray error
	// known are the people by connection and subject, raised when what was revoked last.
	known  map[string]string
	raised map[identity.Ref]time.Time
}

// Subject is a connection of package upstream.
func (w *world) Subject(_ context.Context, client, kind, raw string) (identity.SubjectToken, error) {
	t, ok := w.abroad[raw]
	switch {
	case w.astray != nil:
		return t, w.astray
	case !slices.Contains(mayBring, client):
		return t, errNotAllowed
	case !ok:
		return t, identity.Refuse(fault.New(fault.Denied, "token_signature", "the signature does not hold"), "signature", "a good one", "another")
	}
	return t, nil
}

// Assume says the same of a connection's tokens: acme, and partner whose people nobody
// knows, speak OpenID Connect.
func (w *world) Assume(_ context.Context, client, connection, kind string) (as string, t identity.SubjectToken, err error) {
	as = cmp.Or(kind, tokenexchange.TypeJWT)
	t = identity.SubjectToken{Authentication: identity.Authentication{Connection: connection}, Issuer: abroadIssuer}
	switch {
	case connection != "acme" && connection != "partner":
		err = fault.New(fault.NotFound, "connection_not_found", "no such connection")
	case kind == tokenexchange.TypeSAML:
		err = policy.ErrSubjectType
	case w.astray != nil:
		err = w.astray
	case !slices.Contains(mayBring, client):
		err = errNotAllowed
	}
	return as, t, err
}

// mayBring are the clients that may bring another issuer's tokens.
var mayBring = []string{"desk", "a", "b"}

var errNotAllowed = identity.Refuse(fault.New(fault.Denied, "token_not_allowed", "not by this client"), "not_allowed", strings.Join(mayBring, " "), "another")

func (w *world) Owner(_ context.Context, connection, subject string) (directory.Person, error) {
	if id := w.known[connection+"/"+subject]; id != "" {
		return directory.Person{ID: id}, nil
	}
	return directory.Person{}, directory.ErrPersonNotFound
}

func (w *world) RaisedSince(_ context.Context, since time.Time, refs ...identity.Ref) (bool, error) {
	if w.unknown {
		return false, revoke.ErrStale
	}
	return slices.ContainsFunc(refs, func(r identity.Ref) bool { at, ok := w.raised[r]; return ok && !at.Before(since) }), nil
}

// abroadIssuer is an issuer that is not us.
const abroadIssuer = "https://idp.example"

// foreign has another issuer make a token about a subject, and returns how it is
// written: a JWT that says so, so that it is known for one of that issuer.
func (w *world) foreign(subject string, change func(*identity.SubjectToken)) string {
	t := identity.SubjectToken{
		Authentication: identity.Authentication{Connection: "acme", Subject: subject, ACR: "mfa", AMR: []string{"otp"}, Time: w.now.Add(-time.Minute)},
		Issuer:         abroadIssuer, ID: fmt.Sprint("foreign-", len(w.abroad)), Issued: w.now, Expires: w.now.Add(10 * time.Minute),
	}
	if change != nil {
		change(&t)
	}
	raw := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+abroadIssuer+`","jti":"`+t.ID+`"}`)) + ".AAAA"
	w.abroad[raw] = t
	return raw
}

func (w *world) Client(_ context.Context, id string) (*registry.Client, error) {
	if c := w.clients[id]; c != nil {
		at := *c
		at.Rev = w.applied - w.behind[id]
		at.Agreements = w.agreements(c)
		return &at, nil
	}
	return nil, registry.ErrClientNotFound
}

// agreements are to everything that the client's manifest asks for, but for what was
// withdrawn.
func (w *world) agreements(c *registry.Client) (all catalog.Agreements) {
	for _, e := range c.Exchanges {
		mode := catalog.ByImpersonation
		if e.Delegation {
			mode = catalog.ByDelegation
		}
		for _, s := range e.Scopes {
			r := catalog.Right{Audience: e.Audience, Scope: s, Mode: mode}
			if !slices.Contains(w.withdrawn, r) {
				all = append(all, catalog.Agreement{Right: r, API: "app-" + e.Audience})
			}
		}
	}
	return all
}

func (w *world) AppOrigin(context.Context, string) (bool, error) { return false, nil }

func (w *world) Audience(_ context.Context, name string) (*registry.Audience, error) {
	if a := w.audiences[name]; a != nil {
		return a, nil
	}
	return nil, registry.ErrAudienceNotFound
}

func (w *world) Usable(_ context.Context, person, connection string) (directory.Person, error) {
	switch {
	case connection == "":
		return directory.Person{}, directory.ErrConnectionRemoved
	case w.off:
		return directory.Person{}, directory.ErrPersonDisabled
	}
	return directory.Person{ID: person}, nil
}

func (w *world) Recently(ctx context.Context, person, connection string) (directory.Person, uint64, error) {
	if w.lately != nil {
		return directory.Person{}, 0, w.lately
	}
	p, err := w.Usable(ctx, person, connection)
	return p, w.applied - w.behind[person], err
}

func (w *world) Check(_ context.Context, _ directory.Person, c *registry.Client) (entitlement.Decision, error) {
	return entitlement.Decision{Allowed: !w.barred[c.App] && !c.Disabled, Roles: []string{"user"}}, nil
}

func (w *world) CheckEach(ctx context.Context, p directory.Person, apps ...*registry.Client) ([]entitlement.Decision, error) {
	all := make([]entitlement.Decision, len(apps))
	for i, c := range apps {
		all[i], _ = w.Check(ctx, p, c)
	}
	return all, nil
}

func (w *world) Record(_ context.Context, events ...event.Event) error {
	if w.deaf == nil {
		w.events = append(w.events, events...)
	}
	return w.deaf
}

// sequence is the world's revocations.
type sequence struct{ *world }

func (s sequence) Applied() uint64 { return s.applied }

func (s sequence) Check(rev uint64, refs ...identity.Ref) error {
	if s.unknown {
		return revoke.ErrStale
	}
	for _, ref := range refs {
		if s.revoked[ref] > rev {
			return revoke.ErrRevoked
		}
	}
	return nil
}

// drawer keeps no grant, and raises what an event revokes.
type drawer struct {
	grant.Store
	*world
}

func (d drawer) Record(_ context.Context, events []event.Event) error {
	for _, e := range events {
		d.applied++
		for _, ref := range e.Revokes {
			d.revoked[ref] = d.applied
		}
	}
	return nil
}

// free bounds nothing.
type free struct{}

func (free) Check(string) error                  { return nil }
func (free) Count(context.Context, string) error { return nil }

// newWorld has a desk, where people sign in and which calls the payroll, which calls
// the ledger, which calls the vault, and so on to the attic; the desk may impersonate at the mint.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), clients: map[string]*registry.Client{}, audiences: map[string]*registry.Audience{},
		barred: map[string]bool{}, revoked: map[identity.Ref]uint64{}, applied: 7,
		abroad: map[string]identity.SubjectToken{}, known: map[string]string{"acme/alice": "alice"}, raised: map[identity.Ref]time.Time{},
	}
	w.add("desk", delegates("payroll"), registry.Exchange{Audience: "mint", Scopes: []string{"mint.read"}, MaxTTL: time.Minute})
	w.add("payroll", delegates("ledger"), delegates("desk"))
	w.add("ledger", delegates("vault"), delegates("payroll"))
	w.add("vault", delegates("cellar"))
	w.add("cellar", delegates("attic"))
	w.add("attic")
	w.add("mint", delegates("ledger"))
	w.add("expenses")
	w.clients["expenses"].MayAct = []string{"desk"}
	now := func() time.Time { return w.now }
	vault, err := keys.NewVault(make([]byte, keys.VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ring := keys.NewRing(keys.RingOptions{Store: &shelf{}, Vault: vault, Algorithms: []keys.Algorithm{keys.ES256}, Now: now, Log: log})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(ui.Options{Now: now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.Minter = token.NewMinter(token.MinterOptions{Issuer: issuer, Ring: ring, Now: now})
	verifier := token.NewVerifier(token.VerifierOptions{Issuer: issuer, Era: func() string { return "era" }, Keys: ring, Revocations: sequence{w}, Now: now})
	w.grant = tokenexchange.New(tokenexchange.Options{
		Issuer: issuer, Verifier: verifier, Clients: w, People: w, Entitlements: w, Revocations: sequence{w}, Foreign: tokenexchange.Foreign{Verifier: w, Owners: w, Revocations: w},
	})
	provider, err := oidc.New(oidc.Options{
		Issuer: issuer, Era: "era", Clients: w, People: w, Entitlements: w, Trail: w, Grants: drawer{world: w}, Ring: ring, Minter: w.Minter, Verifier: verifier, Revocations: sequence{w},
		Extensions: []oidc.Extension{w.grant},
		Limits:     oidc.Limits{ClientFailures: free{}, AddressFailures: free{}, Client: free{}, Address: free{}, Person: free{}},
		UI:         pages, Actor: func(_ *http.Request, who identity.Ref) identity.Actor { return identity.Actor{Ref: who} },
		Issued: func(string) {}, Note: func(context.Context, token.Access) error { return nil }, Now: now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mux, w.provider, w.verifier = http.NewServeMux(), provider, verifier
	provider.Mount(w.mux)
	signer, err := ring.Signer(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	w.kid = signer.KID()
	return w
}

// delegates is a rule for the API's scopes read and write.
func delegates(audience string) registry.Exchange {
	return registry.Exchange{Audience: audience, Scopes: []string{audience + ".read", audience + ".write"}, MaxTTL: time.Hour, Delegation: true}
}

// add has an app of this name, with its client and its API. Its secret is its name.
func (w *world) add(name string, exchanges ...registry.Exchange) {
	hash := sha256.Sum256([]byte(name))
	c := &registry.Client{ID: name, Name: name, App: "app-" + name, Method: registry.AuthBasic, SecretHashes: [][]byte{hash[:]}, Exchanges: exchanges, Introspects: []string{name}}
	if len(exchanges) > 0 {
		c.GrantTypes = []string{catalog.GrantExchange}
	}
	w.clients[name] = c
	w.audiences[name] = &registry.Audience{Name: name, App: c.App, Client: name, Scopes: []string{name + ".read", name + ".write", name + ".admin"}}
}

// signedIn is the access token of somebody who is signed in to a client.
func (w *world) signedIn(client string) token.Access {
	return token.Access{
		ID: "jti-" + client, Subject: "alice", Person: "alice", Connection: "acme", Session: "session", Client: client, App: "app-" + client, Grant: "grant-" + client,
		Audience: issuer, Scopes: []string{"openid", "email"}, Issued: w.now, Expires: w.now.Add(5 * time.Minute), AuthTime: w.now.Add(-time.Minute),
		ACR: "mfa", AMR: []string{"pwd", "otp"}, Rev: w.applied, Era: "era",
	}
}

// itself is the access token of a client for itself.
func (w *world) itself(client string) token.Access {
	a := w.signedIn(client)
	a.Subject, a.Person, a.Connection, a.Session, a.Scopes, a.AuthTime, a.ACR, a.AMR = client, "", "", "", nil, time.Time{}, "", nil
	a.Grant = "grant-itself"
	return a
}

// identityOf is the id_token of somebody who is signed in to a client.
func (w *world) identityOf(client string) token.ID {
	a := w.signedIn(client)
	return token.ID{
		Subject: a.Subject, Audience: client, Issued: a.Issued, Expires: a.Expires, AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR, Session: a.Session,
		Connection: a.Connection, App: a.App, Grant: a.Grant, Rev: a.Rev, Era: a.Era,
	}
}

func (w *world) mint(a token.Access) string { return w.must(w.Access(keys.ES256, a)) }

func (w *world) sign(a token.ID) string { return w.must(w.ID(keys.ES256, a)) }

func (w *world) must(raw string, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func (w *world) logoutToken() string {
	return w.must(w.Logout(keys.ES256, token.Logout{ID: "out", Subject: "alice", Audience: "desk", Session: "session", Issued: w.now, Expires: w.now.Add(time.Minute)}))
}

// said is an answer of the token endpoint, or of introspection.
type said struct {
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	ID          string `json:"id_token"`
	IssuedType  string `json:"issued_token_type"`
	Type        string `json:"token_type"`
	Scope       string `json:"scope"`
	Expires     int64  `json:"expires_in"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Active      bool   `json:"active"`
	Act         any    `json:"act"`
	MayAct      any    `json:"may_act"`
}

// post sends a form as a client.
func (w *world) post(t testing.TB, client, path string, form url.Values) (status int, s said) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, client)
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil && rec.Body.Len() > 0 {
		t.Fatalf("%s answers %d %s", path, rec.Code, rec.Body)
	}
	return rec.Code, s
}

// exchange asks as a client; pairs alternate further parameters and values, where an
// empty value takes one away.
func (w *world) exchange(t testing.TB, client, subject, audience string, pairs ...string) (int, said) {
	t.Helper()
	form := url.Values{
		"grant_type": {catalog.GrantExchange}, "subject_token": {subject}, "subject_token_type": {tokenexchange.TypeAccess}, "audience": {audience},
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return w.post(t, client, "/token", form)
}

// good is exchange of what must be granted.
func (w *world) good(t testing.TB, client, subject, audience string, pairs ...string) said {
	t.Helper()
	status, s := w.exchange(t, client, subject, audience, pairs...)
	if status != http.StatusOK {
		t.Fatalf("%s for %s: %d %s: %s", client, audience, status, s.Error, s.Description)
	}
	return s
}

// read takes a token apart.
func (w *world) read(t testing.TB, raw string) map[string]any {
	t.Helper()
	var all map[string]any
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// active asks the API's client whether a token is good.
func (w *world) active(t testing.TB, api, raw string) bool {
	t.Helper()
	_, s := w.post(t, api, "/introspect", url.Values{"token": {raw}})
	return s.Active
}

func BenchmarkExchange(b *testing.B) {
	w := newWorld(b)
	form := url.Values{
		"grant_type": {catalog.GrantExchange}, "audience": {"payroll"}, "subject_token": {w.mint(w.signedIn("desk"))}, "subject_token_type": {tokenexchange.TypeAccess},
	}
	b.ReportAllocs()
	for b.Loop() {
		if status, got := w.post(b, "desk", "/token", form); status != http.StatusOK {
			b.Fatal(got)
		}
	}
}
