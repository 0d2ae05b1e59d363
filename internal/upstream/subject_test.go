package upstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

const ourIssuer = "https://gate.example"

// bringing has the provider's tokens be brought by desk, those of the provider's client
// desk-there alone, and by anyone, whosever they are.
func (p *provider) bringing(change func(*upstream.Options)) *upstream.Connection {
	o := p.options()
	o.Seen = cache.NewMemory(func() time.Time { return p.now }, time.Time{})
	o.Subjects = upstream.Subjects{
		Clients: map[string][]string{"desk": {"desk-there"}, "anyone": {upstream.Any}}, Audiences: []string{ourIssuer}, Types: []string{upstream.TypeAccess},
		MaxAge: 10 * time.Minute, ACR: []string{"mfa"}, AMR: []string{"otp"},
	}
	if change != nil {
		change(&o)
	}
	return upstream.New(o)
}

// brought is an access token of the provider for us; pairs are claims over the good
// ones, nil removes.
func (p *provider) brought(t testing.TB, header map[jose.HeaderKey]any, pairs ...any) string {
	t.Helper()
	return sealed(t, jose.ES256, p.key, header, p.payload(t, pairs...))
}

func (p *provider) payload(t testing.TB, pairs ...any) []byte {
	t.Helper()
	claims := map[string]any{
		"iss": p.URL, "sub": "alice", "aud": ourIssuer, "client_id": "desk-there", "jti": "one", "iat": p.now.Unix(), "exp": p.now.Add(5 * time.Minute).Unix(),
		"auth_time": p.now.Add(-time.Minute).Unix(), "acr": "mfa", "amr": []string{"pwd", "otp"}, "scope": "payroll",
	}
	for i := 0; i < len(pairs); i += 2 {
		claims[pairs[i].(string)] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(claims, pairs[i].(string))
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func sealed(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	if header == nil {
		header = map[jose.HeaderKey]any{"typ": upstream.TypeAccess}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func typ(name any) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"typ": name} }

func TestATokenThatIsMeantForUsSaysWhoItIsAbout(t *testing.T) {
	p := newProvider(t)
	got, err := p.bringing(nil).Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil, "auth_time", p.now.Add(-time.Minute).Unix()))
	a := got.Authentication
	if err != nil || a.Connection != "acme" || a.Subject != "alice" || a.ACR != "mfa" || len(a.AMR) != 1 || a.AMR[0] != "otp" || a.Time.Unix() != p.now.Add(-time.Minute).Unix() {
		t.Fatalf("%+v %v", got, err)
	}
	if got.Issuer != p.URL || got.ID != "one" || got.Issued.Unix() != p.now.Unix() || got.Expires.Unix() != p.now.Add(5*time.Minute).Unix() || got.Use != nil {
		t.Errorf("%+v", got)
	}
	got, err = p.bringing(nil).Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil, "auth_time", nil, "acr", "phr", "amr", nil))
	if a := got.Authentication; err != nil || a.ACR != "" || len(a.AMR) != 0 || !a.Time.IsZero() {
		t.Errorf("more than is believed, or said: %+v %v", got, err)
	}
	got, err = p.bringing(nil).Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil, "auth_time", p.now.Add(30*time.Second).Unix()))
	if err != nil || got.Authentication.Time.After(p.now) {
		t.Errorf("a sign-in in the future: %+v %v", got, err)
	}
}

// TestABroughtTokenIsRefusedByItsRule has every way in which a token can be wrong, each
// beside the good one.
func TestABroughtTokenIsRefusedByItsRule(t *testing.T) {
	p := newProvider(t)
	public, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	embedded := map[jose.HeaderKey]any{"typ": upstream.TypeAccess, "jwk": jose.JSONWebKey{Key: stranger.Public(), KeyID: "one"}}
	unsigned := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(p.payload(t)) + "."
	}
	good := p.brought(t, nil)
	parts := strings.Split(good, ".")
	past, future := p.now.Add(-time.Second).Unix(), p.now.Add(2*time.Minute).Unix()
	for name, c := range map[string]struct{ raw, want string }{
		"good":                           {good, ""},
		"another audience":               {p.brought(t, nil, "aud", "https://other.example"), "audience"},
		"an audience that begins so":     {p.brought(t, nil, "aud", ourIssuer+"/"), "audience"},
		"no audience":                    {p.brought(t, nil, "aud", nil), "audience"},
		"other audiences":                {p.brought(t, nil, "aud", []string{"a", "b"}), "audience"},
		"our audience among others":      {p.brought(t, nil, "aud", []string{"a", ourIssuer}), ""},
		"another issuer":                 {p.brought(t, nil, "iss", "https://evil.example"), "issuer"},
		"an issuer with a slash":         {p.brought(t, nil, "iss", p.URL+"/"), "issuer"},
		"no issuer":                      {p.brought(t, nil, "iss", nil), "issuer"},
		"about a client":                 {p.brought(t, nil, "sub", "desk-there"), "subject"},
		"no subject":                     {p.brought(t, nil, "sub", nil), "subject"},
		"a subject without end":          {p.brought(t, nil, "sub", strings.Repeat("a", 256)), "subject"},
		"expired":                        {p.brought(t, nil, "exp", past), "expired"},
		"expires now":                    {p.brought(t, nil, "exp", p.now.Unix()), "expired"},
		"never expires":                  {p.brought(t, nil, "exp", nil), "exp"},
		"no time":                        {p.brought(t, nil, "iat", nil), "issued_at"},
		"from the future":                {p.brought(t, nil, "iat", future), "issued_at"},
		"too old":                        {p.brought(t, nil, "iat", p.now.Add(-11*time.Minute).Unix()), "age"},
		"as old as may be":               {p.brought(t, nil, "iat", p.now.Add(-9*time.Minute).Unix()), ""},
		"not yet valid":                  {p.brought(t, nil, "nbf", future), "not_before"},
		"valid since now":                {p.brought(t, nil, "nbf", p.now.Unix()), ""},
		"signed in in the future":        {p.brought(t, nil, "auth_time", future), "auth_time"},
		"signed in before 1970":          {p.brought(t, nil, "auth_time", -1), "auth_time"},
		"of another client there":        {p.brought(t, nil, "client_id", "other-there"), "party"},
		"of two clients there":           {p.brought(t, nil, "azp", "other-there"), "party"},
		"of a client said twice":         {p.brought(t, nil, "azp", "desk-there"), ""},
		"of a client in Okta's words":    {p.brought(t, nil, "client_id", nil, "cid", "desk-there"), ""},
		"of a client in Entra's words":   {p.brought(t, nil, "client_id", nil, "appid", "desk-there"), ""},
		"of another in Entra's words":    {p.brought(t, nil, "client_id", nil, "appid", "other-there"), "party"},
		"of nobody":                      {p.brought(t, nil, "client_id", nil), "party"},
		"somebody acts already":          {p.brought(t, nil, "act", map[string]string{"sub": "desk"}), "act"},
		"somebody else may act":          {p.brought(t, nil, "may_act", map[string]string{"sub": "desk"}), "may_act"},
		"bound to a key":                 {p.brought(t, nil, "cnf", map[string]string{"jkt": "x"}), "bound"},
		"a security event":               {p.brought(t, nil, "events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}), "events"},
		"an act of nothing":              {p.brought(t, nil, "act", json.RawMessage("null")), ""},
		"typ of a JWT":                   {p.brought(t, typ("JWT")), "typ"},
		"no typ":                         {p.brought(t, map[jose.HeaderKey]any{"x": 1}), "typ"},
		"typ of a logout token":          {p.brought(t, typ("logout+jwt")), "typ"},
		"typ of a proof":                 {p.brought(t, typ("dpop+jwt")), "typ"},
		"typ of an event":                {p.brought(t, typ("secevent+jwt")), "typ"},
		"typ that is a number":           {p.brought(t, typ(7)), "typ"},
		"typ that is empty":              {p.brought(t, typ("")), "typ"},
		"typ as a whole media type":      {p.brought(t, typ("application/AT+JWT")), ""},
		"alg none":                       {unsigned(`{"alg":"none","typ":"at+jwt","kid":"one"}`), "algorithm"},
		"alg none in capitals":           {unsigned(`{"alg":"NONE","typ":"at+jwt","kid":"one"}`), "algorithm"},
		"HMAC with the public key":       {sealed(t, jose.HS256, public, nil, p.payload(t)), "algorithm"},
		"a stranger's key":               {sealed(t, jose.ES256, stranger, nil, p.payload(t)), "signature"},
		"a stranger's key in the header": {sealed(t, jose.ES256, stranger, embedded, p.payload(t)), "signature"},
		"a changed payload":              {parts[0] + "." + base64.RawURLEncoding.EncodeToString(p.payload(t, "sub", "admin")) + "." + parts[2], "signature"},
		"no signature":                   {parts[0] + "." + parts[1] + ".", "signature"},
		"truncated":                      {parts[0] + "." + parts[1], "algorithm"},
		"padded":                         {good + "==", "algorithm"},
		"two signatures":                 {good + "." + parts[2], "algorithm"},
		"no token":                       {"alice", "algorithm"},
		"a claim of another type":        {p.brought(t, nil, "amr", "pwd"), "signature"},
		"with a line's end":              {good + "\n", "malformed"},
		"with a space in it":             {parts[0] + ". " + parts[1] + "." + parts[2], "malformed"},
		"a token without end":            {good + strings.Repeat("A", 16<<10), "malformed"},
		"critical, and unknown":          {p.brought(t, map[jose.HeaderKey]any{"typ": upstream.TypeAccess, "crit": []string{"x"}, "x": 1}), "signature"},
	} {
		got, err := p.bringing(nil).Subject(t.Context(), "desk", upstream.KindAccess, c.raw)
		if code := fault.As(err).Code; err != nil && code != "token_"+c.want || c.want != "" && err == nil || err == nil && got.Authentication.Subject != "alice" {
			t.Errorf("%s: %+v %v, want %q", name, got, err, c.want)
		}
		if failed, ok := errors.AsType[*identity.Refusal](err); err != nil && (!ok || failed.Check.Name != c.want || failed.Check.Expected == "") {
			t.Errorf("%s: the refusal does not explain itself: %v", name, err)
		}
	}
}

func TestTheTypeOfATokenIsWhatItIsCalled(t *testing.T) {
	p := newProvider(t)
	at, id, none := p.brought(t, nil), p.brought(t, typ("JWT"), "client_id", nil, "azp", "desk-there"), p.brought(t, map[jose.HeaderKey]any{"x": 1})
	for name, c := range map[string]struct {
		raw, kind string
		types     []string
		good      bool
	}{
		"an access token as one":                     {at, upstream.KindAccess, []string{upstream.TypeAccess}, true},
		"an access token as a JWT":                   {at, upstream.KindJWT, []string{upstream.TypeAccess}, true},
		"an access token as an ID token":             {at, upstream.KindID, []string{upstream.TypeAccess, upstream.TypeJWT}, false},
		"an ID token as one":                         {id, upstream.KindID, []string{upstream.TypeJWT}, true},
		"an ID token without typ":                    {none, upstream.KindID, []string{upstream.TypeJWT}, true},
		"an ID token as a JWT":                       {id, upstream.KindJWT, []string{upstream.TypeJWT}, true},
		"an ID token as an access token":             {id, upstream.KindAccess, []string{upstream.TypeAccess, upstream.TypeJWT}, false},
		"an ID token where only access tokens count": {id, upstream.KindID, []string{upstream.TypeAccess}, false},
		"a JWT where only access tokens count":       {id, upstream.KindJWT, []string{upstream.TypeAccess}, false},
		"a refresh token":                            {at, "urn:ietf:params:oauth:token-type:refresh_token", []string{upstream.TypeAccess, upstream.TypeJWT}, false},
	} {
		_, err := p.bringing(func(o *upstream.Options) { o.Subjects.Types = c.types }).Subject(t.Context(), "desk", c.kind, c.raw)
		if (err == nil) != c.good || err != nil && fault.As(err).Code != "token_typ" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An ID token that names no authorized party was given to its audience.
func TestAnIDTokenIsItsAudiences(t *testing.T) {
	p := newProvider(t)
	c := p.bringing(func(o *upstream.Options) {
		o.Subjects.Types, o.Subjects.Audiences = []string{upstream.TypeJWT}, []string{"desk-there", "other-there"}
	})
	for audience, good := range map[any]bool{"desk-there": true, "other-there": false} {
		if _, err := c.Subject(t.Context(), "desk", upstream.KindID, p.brought(t, typ("JWT"), "client_id", nil, "aud", audience)); (err == nil) != good {
			t.Errorf("%s: %v", audience, err)
		}
	}
	if _, err := c.Subject(t.Context(), "desk", upstream.KindID, p.brought(t, typ("JWT"), "client_id", nil, "aud", []string{"desk-there", "other-there"})); fault.As(err).Code != "token_party" {
		t.Errorf("of two: %v", err)
	}
}

func TestNobodyBringsATokenUnlessTheConnectionNamesThem(t *testing.T) {
	p := newProvider(t)
	raw := p.brought(t, nil, "client_id", "whoever-there")
	c := p.bringing(nil)
	for client, want := range map[string]string{"anyone": "", "desk": "token_party", "other": "token_not_allowed", "": "token_not_allowed"} {
		if _, err := c.Subject(t.Context(), client, upstream.KindAccess, raw); err != nil && fault.As(err).Code != want || err == nil && want != "" {
			t.Errorf("%q: %v, want %q", client, err, want)
		}
	}
	if _, err := upstream.New(p.options()).Subject(t.Context(), "anyone", upstream.KindAccess, raw); fault.As(err).Code != "token_not_allowed" {
		t.Errorf("a connection that allows nothing: %v", err)
	}
}

func TestATokenThatCountsOnceIsTakenOnceAtEveryReplica(t *testing.T) {
	p := newProvider(t)
	var shared cache.Once = cache.NewMemory(func() time.Time { return p.now }, time.Time{})
	replica := func(id string) *upstream.Connection {
		return p.bringing(func(o *upstream.Options) { o.ID, o.Subjects.Once, o.Seen = id, true, shared })
	}
	bring := func(c *upstream.Connection, raw string) error {
		got, err := c.Subject(t.Context(), "desk", upstream.KindAccess, raw)
		if err != nil {
			return err
		}
		return got.Use(t.Context())
	}
	one, two, other := replica("acme"), replica("acme"), replica("other")
	raw := p.brought(t, nil)
	if err := bring(one, raw); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*upstream.Connection{one, two} {
		if err := bring(again, raw); fault.As(err).Code != "token_replayed" {
			t.Errorf("again: %v", err)
		}
	}
	if err := bring(two, p.brought(t, nil, "jti", "two")); err != nil {
		t.Errorf("another: %v", err)
	}
	if err := bring(other, raw); err != nil {
		t.Errorf("one that another connection calls so: %v", err)
	}
	if err := bring(one, p.brought(t, nil, "jti", nil)); fault.As(err).Code != "token_id" {
		t.Errorf("without a jti: %v", err)
	}
	lost := p.bringing(func(o *upstream.Options) {
		o.Subjects.Once, o.Seen = true, cache.NewMemory(func() time.Time { return p.now }, p.now.Add(time.Hour))
	})
	if err := bring(lost, raw); err == nil {
		t.Error("a memory that was lost takes what was made before")
	}
}

func TestATenantsTokenIsThatOfATenantThatMay(t *testing.T) {
	p := newProvider(t)
	p.meta["issuer"] = p.URL + "/{tenantid}"
	c := p.bringing(func(o *upstream.Options) { o.Issuer, o.Tenants = p.URL+"/{tenantid}", []string{"t1"} })
	for name, at := range map[string]struct {
		tenant, issuer string
		good           bool
	}{
		"theirs": {"t1", "/t1", true}, "another": {"t2", "/t2", false}, "theirs by name": {"t1", "/t2", false}, "theirs by issuer": {"t2", "/t1", false}, "none": {"", "/t1", false},
	} {
		_, err := c.Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil, "iss", p.URL+at.issuer, "tid", at.tenant))
		if (err == nil) != at.good || err != nil && fault.As(err).Code != "token_issuer" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownKeysOfBroughtTokensAskTheProviderOnce(t *testing.T) {
	p := newProvider(t)
	c := p.bringing(nil)
	if _, err := c.Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil)); err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(11 * time.Second)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: stranger, KeyID: rand.Text()}}, (&jose.SignerOptions{}).WithType(upstream.TypeAccess))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(p.payload(t))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Subject(t.Context(), "desk", upstream.KindAccess, raw); fault.As(err).Code != "token_key" {
			t.Errorf("%v", err)
		}
	}
	if n := p.keyReads.Load(); n != 2 {
		t.Errorf("the keys were read %d times, want once more than the first", n)
	}
	p.Close()
	p.now = p.now.Add(11 * time.Minute)
	if _, err := c.Subject(t.Context(), "desk", upstream.KindAccess, p.brought(t, nil)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a provider that is gone: %v", err)
	}
}

// FuzzSubject reads whatever a client calls a token.
func FuzzSubject(f *testing.F) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	c := upstream.New(upstream.Options{
		ID: "acme", Issuer: "https://idp.example", Algorithms: []string{"ES256"}, Now: func() time.Time { return now },
		Subjects: upstream.Subjects{Clients: map[string][]string{"desk": {upstream.Any}}, Audiences: []string{ourIssuer}, Types: []string{upstream.TypeJWT}, MaxAge: time.Hour},
	})
	encode := base64.RawURLEncoding.EncodeToString
	f.Add(encode([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + encode([]byte(`{"iss":"https://idp.example","sub":"alice"}`)) + ".")
	f.Add(encode([]byte(`{"alg":"ES256","typ":7}`)) + "." + encode([]byte(`{"iss":["https://idp.example"]}`)) + "." + encode(make([]byte, 64)))
	f.Add("..")
	f.Add("PHNhbWw6QXNzZXJ0aW9uLz4")
	f.Fuzz(func(t *testing.T, raw string) {
		if issuer := upstream.TokenIssuer(raw); issuer != "" && strings.Count(raw, ".") != 2 {
			t.Errorf("%q is of %q", raw, issuer)
		}
		if _, issuer, err := upstream.BroughtAssertion(raw); err != nil && issuer != "" {
			t.Errorf("%q is of %q", raw, issuer)
		}
		if algorithmAllowed(raw) {
			return // it would ask the provider
		}
		got, err := c.Subject(t.Context(), "desk", upstream.KindJWT, raw)
		if err == nil || got.Authentication.Subject != "" {
			t.Errorf("taken: %+v", got)
		}
	})
}

// algorithmAllowed reports whether a header has the one algorithm and a typ that counts.
func algorithmAllowed(raw string) bool {
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	return err == nil && len(jws.Signatures) == 1
}
