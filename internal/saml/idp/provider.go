package idp

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed ask.html de.yaml
var files embed.FS

// The paths below the issuer that peers know.
const (
	metadataPath = "/saml/metadata"
	ssoPath      = "/saml/sso"
	sloPath      = "/saml/slo"
	launchPath   = "/saml/launch/"
)

// EntityID is the entity id of the broker as an identity provider, and the address
// of its metadata.
func EntityID(issuer string) string { return issuer + metadataPath }

// Describe says what apps have to know of the broker at the issuer.
func Describe(issuer string) registry.IdentityProvider {
	return registry.IdentityProvider{EntityID: EntityID(issuer), MetadataURL: issuer + metadataPath, SSOURL: issuer + ssoPath, SLOURL: issuer + sloPath}
}

// LaunchURI is where people open the app of this name.
func LaunchURI(issuer, app string) string { return issuer + launchPath + app }

// Authenticator signs a person in for a request and resumes it. It answers the
// browser in any case.
type Authenticator interface {
	Authenticate(w http.ResponseWriter, r *http.Request, req identity.SignInRequest)
}

// Apps is the part of registry.Registry that the provider asks.
type Apps interface {
	ServiceProvider(ctx context.Context, entity string) (*registry.Client, error)
	ClientOf(ctx context.Context, app string) (*registry.Client, error)
	Named(ctx context.Context, app string) (*registry.Client, error)
}

// People is the part of directory.Service that the provider asks.
type People interface {
	Usable(ctx context.Context, person, connection string) (directory.Person, error)
}

// Entitlements is the part of entitlement.Checker that the provider asks.
type Entitlements interface {
	Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
}

// Sessions is the part of session.Manager that the provider asks.
type Sessions interface {
	Current(r *http.Request) (session.Session, error)
	Find(ctx context.Context, id string) (session.Session, error)
	End(ctx context.Context, id string, actor identity.Actor, reason string) error
	Clear(w http.ResponseWriter)
}

// Participants are the apps of a session.
type Participants interface {
	// Attend records that an app takes part in a live session, with the events, and
	// returns as what; session.ErrNotFound for one that ended.
	Attend(ctx context.Context, p session.Participant, events []event.Event) (session.Participant, error)
	Participants(ctx context.Context, session string) ([]session.Participant, error)
}

// Limiter bounds how often something happens: it fails once it was too often.
type Limiter interface {
	Count(ctx context.Context, key string) error
}

// Limits are what is bounded: requests of an address, and assertions about one person.
type Limits struct{ Address, Person Limiter }

// Options are what a Provider needs. All are required.
type Options struct {
	Issuer, Prefix string
	Authenticator  Authenticator
	Apps           Apps
	People         People
	Entitlements   Entitlements
	Sessions       Sessions
	Participants   Participants
	// Memory keeps requests and sign-outs under way.
	Memory cache.Cache
	// Seen remembers the signed requests that were taken.
	Seen cache.Once
	// Revocations answers whether something was revoked since.
	Revocations interface {
		Check(rev uint64, refs ...identity.Ref) error
	}
	// Keys are the SAML keys that are published, the signing one first.
	Keys interface {
		Certified() ([]keys.Certified, error)
	}
	// Onward signs the person out at the identity provider that they signed in with,
	// and goes on to back from there, where it answers and returns true.
	Onward func(w http.ResponseWriter, r *http.Request, a identity.Authentication, back string) bool
	Limits Limits
	UI     *ui.UI
	// Actor describes who makes a request.
	Actor func(*http.Request, identity.Ref) identity.Actor
	// Issued counts assertions, as "saml".
	Issued func(string)
	Now    func() time.Time
	Log    *slog.Logger
}

// Provider is the identity provider.
type Provider struct {
	o   Options
	ask *ui.Template
}

// New returns a Provider.
func New(o Options) (*Provider, error) {
	p := &Provider{o: o}
	var err error
	p.ask, err = o.UI.Parse(files, "ask.html")
	return p, err
}

// Mount adds the routes.
func (p *Provider) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET "+metadataPath, p.metadata)
	mux.HandleFunc("GET "+ssoPath, p.signIn)
	mux.HandleFunc("POST "+ssoPath, p.signIn)
	mux.HandleFunc("GET "+ssoPath+"/{handle}", p.signInAgain)
	mux.HandleFunc("GET "+launchPath+"{app}", p.launch)
	mux.HandleFunc("GET "+sloPath, p.logout)
	mux.HandleFunc("POST "+sloPath, p.logout)
	mux.HandleFunc("GET "+sloPath+"/{handle}", p.logoutAgain)
	mux.HandleFunc("GET "+sloPath+"/back/{handle}", p.returned)
	mux.Handle("POST "+sloPath+"/confirm", p.o.UI.SameOrigin().Handler(http.HandlerFunc(p.confirmLogout)))
}

func (p *Provider) entityID() string { return EntityID(p.o.Issuer) }

// now is the time as precise as documents may be (core, section 1.3.3).
func (p *Provider) now() time.Time { return p.o.Now().UTC().Truncate(time.Millisecond) }

// keyPair is the key that signs now.
func (p *Provider) keyPair() (saml.KeyPair, error) {
	all, err := p.o.Keys.Certified()
	if err != nil {
		return saml.KeyPair{}, err
	}
	return saml.KeyPair(all[0]), nil
}
