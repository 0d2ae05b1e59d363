package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// world is what a provider asks before it answers, each part good until a test
// spoils it. What it does not have is asked of nobody.
type world struct {
	grant.Store
	now     time.Time
	family  grant.Family // as the transaction sees it
	made    []grant.Code
	revoked map[identity.Ref]bool
	barred  bool // the person lost the app
	shut    bool // the person may not use the API, which the app "payroll" serves
	off     bool // the person is switched off
	ended   bool // the session is over
}

func (w *world) Recently(ctx context.Context, person, connection string) (directory.Person, uint64, error) {
	p, err := w.Usable(ctx, person, connection)
	return p, 0, err
}

func (w *world) Usable(context.Context, string, string) (directory.Person, error) {
	if w.off {
		return directory.Person{}, directory.ErrPersonDisabled
	}
	return directory.Person{ID: "alice"}, nil
}

func (w *world) Check(_ context.Context, _ directory.Person, c *registry.Client) (entitlement.Decision, error) {
	if c.App == "payroll" {
		return entitlement.Decision{Allowed: !w.shut}, nil
	}
	return entitlement.Decision{Allowed: !w.barred}, nil
}

func (w *world) find(context.Context, string) (session.Session, error) {
	if w.ended {
		return session.Session{}, session.ErrNotFound
	}
	return session.Session{}, nil
}

func (w *world) CreateCode(_ context.Context, c grant.Code) error {
	w.made = append(w.made, c)
	return nil
}

func (w *world) Refresh(context.Context, []byte) (grant.RefreshToken, grant.Family, error) {
	before := w.family
	before.Ended = time.Time{}
	return grant.RefreshToken{}, before, nil
}

func (w *world) RotateRefresh(_ context.Context, _ []byte, _ identity.Actor, _ time.Time, rotate func(grant.RefreshToken, grant.Family) (grant.Rotation, error)) error {
	_, err := rotate(grant.RefreshToken{Used: w.now}, w.family)
	return err
}

// rooms are the world's sessions.
type rooms struct{ Sessions }

// apis are the world's APIs: one.
type apis struct{ Clients }

func (apis) Audience(_ context.Context, name string) (*registry.Audience, error) {
	if name != "api" {
		return nil, registry.ErrAudienceNotFound
	}
	return &registry.Audience{Name: name, App: "payroll"}, nil
}

// sequence is the world's revocations.
type sequence struct{ *world }

func (s sequence) Applied() uint64 { return 1 }

func (s sequence) Check(_ uint64, refs ...identity.Ref) error {
	for _, ref := range refs {
		if s.revoked[ref] {
			return revoke.ErrRevoked
		}
	}
	return nil
}

func newWorld() (*world, *Provider) {
	w := &world{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC), revoked: map[identity.Ref]bool{}}
	return w, &Provider{o: Options{
		Era: "now", Grants: w, People: w, Entitlements: w, Revocations: sequence{w}, Sessions: rooms{}, Clients: apis{}, Now: func() time.Time { return w.now },
		Actor: func(*http.Request, identity.Ref) identity.Actor { return identity.Actor{} },
	}}
}

// request is a token request of the client "expense" of the app "app".
func (w *world) request(form url.Values) *tokenRequest {
	return &tokenRequest{
		http: httptest.NewRequest(http.MethodPost, "/token", nil), form: form, now: w.now, rev: 1,
		client: &registry.Client{ID: "expense", App: "app", Method: registry.AuthBasic},
	}
}

func (w *world) subject() grant.Subject {
	return grant.Subject{Person: "alice", Session: "session", Client: "expense", App: "app", Scopes: []string{"email", "openid"}, Audience: "api", Era: "now"}
}

func TestACodeFitsItsClientAddressVerifierTimeAndEra(t *testing.T) {
	w, p := newWorld()
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	for name, c := range map[string]struct {
		spoil func(*grant.Code, url.Values)
		want  string
	}{
		"as it was given":         {func(*grant.Code, url.Values) {}, ""},
		"its resource, said anew": {func(_ *grant.Code, f url.Values) { f.Set("resource", "api") }, ""},
		"of another client":       {func(c *grant.Code, _ url.Values) { c.Subject.Client = "crm" }, "invalid_grant"},
		"of another app":          {func(c *grant.Code, _ url.Values) { c.Subject.App = "former" }, "invalid_grant"},
		"of another era":          {func(c *grant.Code, _ url.Values) { c.Subject.Era = "before" }, "invalid_grant"},
		"at its end":              {func(c *grant.Code, _ url.Values) { c.Expires = w.now }, "invalid_grant"},
		"for another address":     {func(_ *grant.Code, f url.Values) { f.Set("redirect_uri", "https://x.example/cb") }, "invalid_grant"},
		"with another verifier":   {func(_ *grant.Code, f url.Values) { f.Set("code_verifier", strings.Repeat("w", 43)) }, "invalid_grant"},
		"for another resource":    {func(_ *grant.Code, f url.Values) { f.Set("resource", "another") }, "invalid_target"},
	} {
		code := grant.Code{
			Subject: w.subject(), RedirectURI: "https://app.example/cb", Challenge: base64.RawURLEncoding.EncodeToString(sum[:]), Expires: w.now.Add(time.Second),
		}
		form := url.Values{"redirect_uri": {code.RedirectURI}, "code_verifier": {verifier}}
		c.spoil(&code, form)
		if err := p.fitsCode(w.request(form), code); (err != nil) != (c.want != "") || (err != nil && fault.As(err).Code != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFamilyFitsItsClientTimeEraAndScope(t *testing.T) {
	w, p := newWorld()
	for name, c := range map[string]struct {
		spoil func(*grant.Family, url.Values)
		want  string
	}{
		"as it was given":      {func(*grant.Family, url.Values) {}, ""},
		"for less":             {func(_ *grant.Family, f url.Values) { f.Set("scope", "openid") }, ""},
		"of another client":    {func(g *grant.Family, _ url.Values) { g.Subject.Client = "crm" }, "invalid_grant"},
		"of another app":       {func(g *grant.Family, _ url.Values) { g.Subject.App = "former" }, "invalid_grant"},
		"of another era":       {func(g *grant.Family, _ url.Values) { g.Subject.Era = "before" }, "invalid_grant"},
		"that has ended":       {func(g *grant.Family, _ url.Values) { g.Ended = w.now }, "invalid_grant"},
		"at its end":           {func(g *grant.Family, _ url.Values) { g.Expires = w.now }, "invalid_grant"},
		"for more":             {func(_ *grant.Family, f url.Values) { f.Set("scope", "openid groups") }, "invalid_scope"},
		"for another resource": {func(_ *grant.Family, f url.Values) { f.Set("resource", "another") }, "invalid_target"},
	} {
		family, form := grant.Family{Subject: w.subject(), Expires: w.now.Add(time.Second)}, url.Values{}
		c.spoil(&family, form)
		if err := p.fitsFamily(w.request(form), family); (err != nil) != (c.want != "") || (err != nil && fault.As(err).Code != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAGrantEndsWithItsPersonSessionAppAndItself(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"": func(*world) {}, "the person is off": func(w *world) { w.off = true }, "the session is over": func(w *world) { w.ended = true },
		"the app is lost": func(w *world) { w.barred = true }, "the grant is revoked": func(w *world) { w.revoked[identity.Grant("grant")] = true },
	} {
		w, p := newWorld()
		spoil(w)
		err := p.subjectUsable(w.request(nil), w.subject(), "grant", w.find)
		if (err != nil) != (name != "") || (err != nil && fault.As(err).Code != "invalid_grant") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestATokenForAnAPIIsOnlyInTheNameOfWhoMayUseIt asks at every place where one is made.
func TestATokenForAnAPIIsOnlyInTheNameOfWhoMayUseIt(t *testing.T) {
	for name, c := range map[string]struct {
		audience string
		spoil    func(*world)
		want     string
	}{
		"may use it":            {"api", func(*world) {}, ""},
		"may not":               {"api", func(w *world) { w.shut = true }, "invalid_target"},
		"it is gone":            {"former", func(*world) {}, "invalid_target"},
		"a token of the broker": {"", func(w *world) { w.shut = true }, ""},
	} {
		w, p := newWorld()
		c.spoil(w)
		subject := w.subject()
		subject.Audience = c.audience
		if err := p.subjectUsable(w.request(nil), subject, "grant", w.find); (err != nil) != (c.want != "") || err != nil && fault.As(err).Code != c.want {
			t.Errorf("for a code or refresh token, %s: %v", name, err)
		}
		r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
		if _, err := p.issueCode(r, &registry.Client{ID: "expense", App: "app"}, authorization{Audience: c.audience}, identity.SignIn{Person: "alice"}); (err != nil) != (c.want != "") || err != nil && fault.As(err).Code != c.want {
			t.Errorf("for a sign-in, %s: %v", name, err)
		}
	}
}

// TestWhatChangesBeforeTheTransactionCountsInIt rotates a token whose family was
// alive when it was looked at first. What nothing refuses comes to be a replay: the
// token was used.
func TestWhatChangesBeforeTheTransactionCountsInIt(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*grant.Family)
		want  error
	}{
		"nothing":   {func(*grant.Family) {}, grant.ErrReplayed},
		"it ended":  {func(f *grant.Family) { f.Ended = time.Unix(1, 0) }, grant.ErrEnded},
		"not ours":  {func(f *grant.Family) { f.Subject.Client = "crm" }, grant.ErrUnknown},
		"no longer": {func(f *grant.Family) { f.Subject.App = "former" }, grant.ErrUnknown},
	} {
		w, p := newWorld()
		w.family = grant.Family{ID: "grant", Subject: w.subject(), Offline: true, Expires: w.now.Add(time.Hour)}
		c.spoil(&w.family)
		_, err := p.refreshGrant(w.request(url.Values{"refresh_token": {"raw"}}))
		if !errors.Is(err, c.want) || fault.As(err).Code != "invalid_grant" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAClientOfAnAppThatIsOffIncompleteOrRevokedGetsNothing(t *testing.T) {
	for name, spoil := range map[string]func(*world, *registry.Client){
		"": func(*world, *registry.Client) {}, "off": func(_ *world, c *registry.Client) { c.Disabled = true },
		"incomplete":        func(_ *world, c *registry.Client) { c.Missing = []string{"owner"} },
		"its app revoked":   func(w *world, c *registry.Client) { w.revoked[identity.App(c.App)] = true },
		"itself is revoked": func(w *world, c *registry.Client) { w.revoked[identity.Client(c.ID)] = true },
	} {
		w, p := newWorld()
		c := &registry.Client{ID: "expense", App: "app"}
		spoil(w, c)
		if err := p.usable(c, 1); (err != nil) != (name != "") || (err != nil && fault.As(err).Code != "invalid_client") {
			t.Errorf("at the token endpoint, %s: %v", name, err)
		}
		if strings.Contains(name, "revoked") {
			continue // the code carries the number, and is refused when it is redeemed
		}
		secret, err := p.issueCode(httptest.NewRequest(http.MethodGet, "/authorize", nil), c, authorization{}, identity.SignIn{Person: "alice"})
		if good := name == ""; (err == nil) != good || (len(w.made) == 1) != good || (secret == "") == good {
			t.Errorf("a code, %s: %v %v", name, w.made, err)
		}
	}
}

func TestOnlyAClientWithCredentialsGetsATokenOfItsOwn(t *testing.T) {
	for method, want := range map[registry.AuthMethod]string{
		registry.AuthNone: "unauthorized_client", registry.AuthBasic: "invalid_scope", registry.AuthPost: "invalid_scope", registry.AuthPrivateKeyJWT: "invalid_scope",
	} {
		w, p := newWorld()
		req := w.request(url.Values{"scope": {"of no API"}}) // who is listened to is refused for this
		req.client.Method = method
		if _, err := p.clientGrant(req); fault.As(err).Code != want {
			t.Errorf("%s: %v", method, err)
		}
	}
}
