// Package login signs people in on behalf of a protocol.
//
// A sign-in is a record in short-term memory, bound to one browser by a cookie
// and to one connection by its state. Its steps never call each other; each looks
// at the record and at the world and either answers the browser or hands on:
//
//	choose    which identity provider: named by the request, by the hint's
//	          domain, the only one there is, or picked on a page
//	upstream  to the provider, and back at /login/callback/{connection}, or with a
//	          SAML response at /login/saml/{connection}/acs
//	map       claim rules, directory, session
//	decide    entitlement, then consent for a third-party app
//	resume    back to the protocol, which takes the record's State
//
// A live session that fits the request skips to decide. Resuming by another
// browser, by another person or twice is refused.
//
// Routes: GET /login/flow/{flow}, GET and POST /login/callback/{connection},
// POST /login/saml/{connection}/acs, GET /login/flow/{flow}/arrive,
// POST /login/flow/{flow}/consent, GET /login/flow/{flow}/cancel.
package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// flowPurpose types the records in short-term memory.
const flowPurpose cache.Purpose = "login-flow"

// flowLife is how long a person may take.
const flowLife = 10 * time.Minute

// The faults that people see.
var (
	ErrFlow       = fault.New(fault.Invalid, "login_flow", "this sign-in has ended, or was begun in another browser; go back to the app and begin again")
	ErrConnection = fault.New(fault.Invalid, "login_connection", "there is no such identity provider")
	// ErrOther refuses a sign-in that nobody in this browser began while somebody else
	// is signed in: it could be anybody's.
	ErrOther = fault.New(fault.Conflict, "login_other_person", "somebody else is signed in in this browser: sign out first")
)

// Connector is an identity provider that people sign in with.
type Connector interface {
	Begin(ctx context.Context, ch identity.Challenge) (identity.Departure, error)
	Finish(ctx context.Context, params url.Values, kept []byte) (identity.Assertion, error)
}

// Unsolicited is a Connector whose provider may begin sign-ins, where its connection
// allows that.
type Unsolicited interface {
	// Unsolicited verifies an assertion that nobody asked for.
	Unsolicited(ctx context.Context, params url.Values) (identity.Assertion, error)
}

// Connection is a connector with what the sign-in page shows of it.
type Connection struct {
	ID, Title string
	// SAML says that the provider's answer comes to the assertion consumer service, and
	// to the callback otherwise.
	SAML      bool
	Domains   []string
	Connector Connector
	Rules     *claims.Rules
}

// Resumer is the protocol that a sign-in is for.
type Resumer interface {
	Resume(w http.ResponseWriter, r *http.Request, state []byte, in identity.SignIn)
}

// Directory is the part of directory.Service that signs people in.
type Directory interface {
	SignIn(ctx context.Context, in directory.Arrival, actor identity.Actor) (directory.Person, error)
	Usable(ctx context.Context, person, connection string) (directory.Person, error)
	ConnectionEnabled(ctx context.Context, id string) (bool, error)
	GroupNames(ctx context.Context, p directory.Person) ([]string, error)
}

// Sessions is the part of session.Manager that signs people in.
type Sessions interface {
	Current(r *http.Request) (session.Session, error)
	Start(w http.ResponseWriter, r *http.Request, person string, authn identity.Authentication, rev uint64) (session.Session, error)
}

// Consents is the part of grant.Store that remembers consent.
type Consents interface {
	Consent(ctx context.Context, person, app string) (c grant.Consent, ok bool, err error)
	SaveConsent(ctx context.Context, c grant.Consent, events []event.Event) error
	Record(ctx context.Context, events []event.Event) error
}

// Options are what a Login needs. All but Secure, Prefix and Outcome are required.
type Options struct {
	// Connections returns those that there are now, whether enabled or not.
	Connections func(context.Context) ([]Connection, error)
	// Fresh returns one that remembers nothing of its provider, for a test.
	Fresh func(ctx context.Context, id string) (Connection, error)
	Cache cache.Cache
	// Traces keep why sign-ins failed, for KeepTraces; nil keeps nothing.
	Traces interface {
		SaveTrace(ctx context.Context, t trace.Trace) error
		Trace(ctx context.Context, id string) (trace.Trace, error)
	}
	KeepTraces time.Duration
	Directory  Directory
	Sessions   Sessions
	Consents   Consents
	Apps       interface {
		ClientOf(ctx context.Context, app string) (*registry.Client, error)
	}
	// Answers says who answers for an app now, where the release says what is given: see
	// ownership.Service.
	Answers      func(ctx context.Context, app string, released catalog.Owner) (catalog.Owner, error)
	Entitlements interface {
		Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
	}
	// SignIns bounds how many sign-ins one address begins.
	SignIns interface {
		Count(ctx context.Context, key string) error
	}
	// Applied is the revocation number that this replica has applied.
	Applied func() uint64
	UI      *ui.UI
	// Issuer is the broker's public URL, Prefix the path of it.
	Issuer, Prefix string
	Secure         bool
	// Actor describes who makes a request.
	Actor func(*http.Request, identity.Ref) identity.Actor
	// Outcome counts sign-ins by connection and outcome; nil counts nothing.
	Outcome func(connection, outcome string)
	Now     func() time.Time
	Log     *slog.Logger
}

// Login runs sign-ins.
type Login struct {
	o        Options
	pages    pages
	resumers map[identity.Protocol]Resumer

	failures failures
}

// flow is the record of a sign-in under way.
type flow struct {
	ID      string                 `json:"id"`
	Browser []byte                 `json:"browser"` // SHA-256 of the browser's secret
	Request identity.SignInRequest `json:"request"`
	// Local is where a sign-in to the broker's own pages ends.
	Local string `json:"local,omitempty"`
	// Connection and Kept are set while the person is at the provider.
	Connection string `json:"connection,omitempty"`
	Kept       []byte `json:"kept,omitempty"`
	// Assertion is what the provider said in a form that came without the browser's
	// cookies: it counts once the browser shows them. Unsolicited is set if nobody
	// here had asked for it.
	Assertion   *identity.Assertion `json:"assertion,omitempty"`
	Unsolicited bool                `json:"unsolicited,omitempty"`
	// Session is set once somebody is signed in: nobody else may go on.
	Session string `json:"session,omitempty"`
	// Test is set for a test of the connection, which ends in a report.
	Test *testRun `json:"test,omitempty"`
	Rev  uint64   `json:"rev,omitempty"`
}

// New returns a Login. SetResumer is called before it serves.
func New(o Options) (*Login, error) {
	if o.Outcome == nil {
		o.Outcome = func(string, string) {}
	}
	l := &Login{o: o, resumers: map[identity.Protocol]Resumer{}, failures: failures{record: o.Consents.Record, now: o.Now}}
	return l, l.pages.parse(o.UI)
}

// SetResumer names who goes on after a sign-in that the protocol asked for.
func (l *Login) SetResumer(p identity.Protocol, r Resumer) { l.resumers[p] = r }

// Mount adds the routes.
func (l *Login) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /login/flow/{flow}", l.choose)
	mux.HandleFunc("GET /login/flow/{flow}/cancel", l.cancel)
	mux.Handle("POST /login/flow/{flow}/consent", l.o.UI.SameOrigin().Handler(http.HandlerFunc(l.consent)))
	mux.HandleFunc("GET /login/test/{handle}", l.showTest)
	mux.HandleFunc("GET /login/test/{handle}/begin", l.beginTest)
	mux.HandleFunc("GET /login/callback/{connection}", l.callback)
	mux.HandleFunc("POST /login/callback/{connection}", l.callback)
	mux.HandleFunc("POST /login/saml/{connection}/acs", l.consume)
	mux.HandleFunc("GET /login/flow/{flow}/arrive", l.returned)
}

// Authenticate begins a sign-in for a protocol and answers the browser.
func (l *Login) Authenticate(w http.ResponseWriter, r *http.Request, req identity.SignInRequest) {
	l.begin(w, r, flow{Request: req})
}

// SignIn begins a sign-in to the broker's own pages, which ends at local, one of
// our own paths.
func (l *Login) SignIn(w http.ResponseWriter, r *http.Request, local string) {
	l.begin(w, r, flow{Local: local})
}

func (l *Login) begin(w http.ResponseWriter, r *http.Request, f flow) {
	f.ID = random()
	f.Rev = l.o.Applied()
	s, err := l.o.Sessions.Current(r)
	switch {
	case err == nil && l.fits(s, f.Request):
		f.Session = s.ID
		l.decide(w, r, f, s)
	case err != nil && !errors.Is(err, session.ErrNotFound):
		l.fail(w, r, f, err)
	case f.Request.Prompt.None:
		l.resume(w, r, f, failure("login_required", "the person is not signed in"))
	default:
		if err := l.o.SignIns.Count(r.Context(), httpx.ClientNetwork(r)); err != nil {
			l.o.UI.Error(w, r, err)
			return
		}
		f.Browser = l.browser(w, r)
		if err := l.save(r.Context(), f); err != nil {
			l.o.UI.Error(w, r, err)
			return
		}
		l.pick(w, r, f)
	}
}

// fits reports whether a live session satisfies the request without a page.
func (l *Login) fits(s session.Session, req identity.SignInRequest) bool {
	a := s.Authentication
	switch {
	case req.Prompt.Login, req.Prompt.SelectAccount:
		return false
	case req.MaxAge != nil && l.o.Now().Sub(a.Time) > *req.MaxAge:
		return false
	case len(req.ACR) > 0 && !slices.ContainsFunc(req.ACR, a.Reaches):
		return false // the provider is asked to step up; the app reads what it got
	case req.Connection != "" && req.Connection != a.Connection:
		return false
	case req.Subject != "" && req.Subject != s.Person:
		return false
	}
	return true
}

// load returns the flow if it belongs to this browser, and the request with the
// languages that the app asked for.
func (l *Login) load(r *http.Request, id string) (flow, *http.Request, error) {
	f, err := l.find(r.Context(), id)
	if err != nil {
		return flow{}, r, err
	}
	if !l.own(r, f) {
		return flow{}, r, ErrFlow
	}
	return f, ui.Prefer(r, f.Request.Locales), nil
}

// find returns the flow, whose ever it is.
func (l *Login) find(ctx context.Context, id string) (flow, error) {
	raw, ok, err := l.o.Cache.Get(ctx, flowPurpose, id)
	if err != nil {
		return flow{}, err
	}
	var f flow
	if !ok || json.Unmarshal(raw, &f) != nil {
		return flow{}, ErrFlow
	}
	return f, nil
}

// own reports whether the request comes from the browser that the flow belongs to.
func (l *Login) own(r *http.Request, f flow) bool {
	name, _ := l.cookie()
	c, err := r.Cookie(name)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(c.Value))
	return subtle.ConstantTimeCompare(sum[:], f.Browser) == 1
}

func (l *Login) save(ctx context.Context, f flow) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("save sign-in: %w", err)
	}
	return l.o.Cache.Put(ctx, flowPurpose, f.ID, raw, flowLife)
}

// browser returns the hash of the browser's secret, which it makes on first use.
func (l *Login) browser(w http.ResponseWriter, r *http.Request) []byte {
	secret := ""
	name, path := l.cookie()
	if c, err := r.Cookie(name); err == nil && len(c.Value) == base64.RawURLEncoding.EncodedLen(32) {
		secret = c.Value
	}
	if secret == "" {
		secret = random()
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure is on wherever the issuer is https
			Name: name, Value: secret, Path: path, HttpOnly: true, Secure: l.o.Secure, SameSite: http.SameSiteLaxMode,
		})
	}
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// cookie is the name and path of the cookie that binds a sign-in to its browser.
func (l *Login) cookie() (name, path string) {
	return httpx.BoundCookie("gatehouse-flow", l.o.Prefix, l.o.Secure)
}

func failure(code, detail string) identity.SignIn {
	return identity.SignIn{Failure: &identity.Failure{Code: code, Detail: detail}}
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
