package catalog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// The refusals of a change.
var (
	// ErrAudienceReserved is returned for the broker's own audience, and for any below it.
	ErrAudienceReserved = fault.New(fault.Conflict, "audience_reserved", "this audience is the broker's own")
	// ErrEntityIDReserved is returned for the entity id of the broker's own SAML.
	ErrEntityIDReserved = fault.New(fault.Conflict, "entity_id_reserved", "this entity id is one of the broker's own")
	// ErrWouldBeIncomplete is returned for a manifest that would take away what
	// an app in use needs.
	ErrWouldBeIncomplete = fault.New(fault.Conflict, "app_would_be_incomplete", "the app is in use, and this would leave it incomplete")
	// ErrNoSecret is returned when a client without a shared secret should get one.
	ErrNoSecret = fault.New(fault.Conflict, "client_without_secret", "this app has no client that uses a secret")
)

// errUnchanged leaves a transaction in which nothing is to be changed.
var errUnchanged = errors.New("nothing to change")

// Outcome is what applying a manifest did.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// Result is what became of one manifest.
type Result struct {
	App     App
	Outcome Outcome
	// Secret is the new client secret in clear text, the only time that it is
	// told; empty when none was made.
	Secret string
	// Pending is what the manifest asks of APIs and was not agreed to.
	Pending []Ask
}

// liveSecrets is how many secrets of a client are good at once: the newest, and
// the one before it until every instance of the app has the new one.
const liveSecrets = 2

// Options are what a Service needs.
type Options struct {
	Store Store
	// Issuer is the audience of tokens that are for the broker itself.
	Issuer string
	Now    func() time.Time
	// Changed is called after a change has been committed, so that a caller who
	// gets the answer finds it in force. It may be nil.
	Changed func(context.Context)
}

// Service changes the catalog. It is safe for concurrent use.
type Service struct{ o Options }

// NewService returns a Service.
func NewService(o Options) *Service {
	if o.Changed == nil {
		o.Changed = func(context.Context) {}
	}
	return &Service{o: o}
}

// App returns the app with this name, or ErrAppNotFound.
func (s *Service) App(ctx context.Context, name string) (App, error) { return s.o.Store.App(ctx, name) }

// Apps returns all apps by name.
func (s *Service) Apps(ctx context.Context) ([]App, error) { return s.o.Store.Apps(ctx) }

// Apply makes the app what its manifest says, for an administrator, who agrees to what
// it newly asks of APIs. The same manifest again changes nothing and tells of no event.
// The client secret is returned when one had to be made, and never again. It fails with
// ErrClientIDTaken, ErrAudienceTaken, ErrAudienceReserved or ErrWouldBeIncomplete.
func (s *Service) Apply(ctx context.Context, m Manifest, actor identity.Actor) (App, string, error) {
	r, err := s.Propose(ctx, m, Administrator(actor))
	return r.App, r.Secret, err
}

// Propose is Apply for anybody: what the manifest newly asks of APIs that they do not
// speak for waits until it is agreed to. It also fails with ErrBrokersScope.
func (s *Service) Propose(ctx context.Context, m Manifest, v Voice) (Result, error) {
	apps, err := s.Apps(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := s.free(apps, m); err != nil {
		return Result{}, err
	}
	if err := mayAsk(apps, m, v); err != nil {
		return Result{}, err
	}
	return s.apply(ctx, m, sides(apps), v)
}

// Preview says what Apply would do, and does nothing: current is the app as it is,
// nil when there is none. It fails like Apply.
func (s *Service) Preview(ctx context.Context, m Manifest) (current *App, outcome Outcome, err error) {
	apps, err := s.Apps(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := s.free(apps, m); err != nil {
		return nil, "", err
	}
	digest, err := m.Digest()
	if err != nil {
		return nil, "", err
	}
	app, err := s.App(ctx, m.Metadata.Name)
	switch {
	case errors.Is(err, ErrAppNotFound):
		return nil, Created, nil
	case err != nil:
		return nil, "", err
	case app.Digest == digest:
		return &app, Unchanged, nil
	}
	return &app, Updated, app.wouldLack(m)
}

// free refuses a manifest that wants what another app has.
func (s *Service) free(apps []App, m Manifest) error {
	claimed := claimsOf(s.o.Issuer)
	for _, a := range apps {
		claimed.add(a)
	}
	if clashes := claimed.clashes(m); len(clashes) > 0 {
		return clashes[0].err.At(clashes[0].path)
	}
	return nil
}

// apply writes a manifest. all are the apps, and the manifests beside it, that ask and
// offer.
func (s *Service) apply(ctx context.Context, m Manifest, all sides, v Voice) (Result, error) {
	digest, err := m.Digest()
	if err != nil {
		return Result{}, err
	}
	var r Result
	app, err := s.o.Store.ApplyApp(ctx, m.Metadata.Name, func(current *App) (App, []event.Event, error) {
		if current != nil && current.Digest == digest {
			r = Result{App: *current, Outcome: Unchanged}
			return App{}, nil, errUnchanged
		}
		next, secret, err := s.next(current, m, digest)
		r = Result{Outcome: Updated, Secret: secret}
		if current == nil {
			r.Outcome = Created
		}
		next.Agreements = all.after(current, &next, v, next.Updated)
		return next, appliedEvents(current, next, secret != "", all, v.Actor), err
	})
	switch {
	case errors.Is(err, errUnchanged):
		r.Pending = all.pending(&r.App)
		return r, nil
	case err != nil:
		return Result{}, err
	}
	r.App, r.Pending = app, all.pending(&app)
	s.o.Changed(ctx)
	return r, nil
}

// next is the app as its new manifest makes it, and its new secret if it needs one.
func (s *Service) next(current *App, m Manifest, digest string) (next App, secret string, err error) {
	now := s.now()
	if current == nil {
		current = &App{ID: identity.NewID(), Name: m.Metadata.Name, Created: now}
	} else if err := current.wouldLack(m); err != nil {
		return App{}, "", err
	}
	next = *current
	next.Lapsed = current.stillLapsed(m)
	next.Manifest, next.Digest, next.Updated = m, digest, now
	switch client := m.Spec.Identity.OIDC; {
	case !client.usesSecret():
		next.Secrets = nil
	case len(next.Secrets) == 0:
		var made Secret
		secret, made = newSecret(now)
		next.Secrets = []Secret{made}
	}
	return next, secret, nil
}

// wouldLack refuses a manifest without something that a complete app has: such
// as bare client metadata, imported over an app that has groups and keys.
func (a *App) wouldLack(m Manifest) error {
	missing := m.Missing()
	if len(missing) == 0 || len(a.Manifest.Missing()) > 0 {
		return nil
	}
	return fault.New(fault.Conflict, ErrWouldBeIncomplete.Code,
		"the app %s is in use, and this would leave it without %s: give it, or remove the app first", a.Name, strings.Join(missing, ", "))
}

// appliedEvents tells of an applied manifest. A client id that the app gives up
// is revoked: whoever gets it next inherits no token. So is what the app no longer asks
// of an API, and what others have of an API that it no longer serves.
func appliedEvents(current *App, next App, newSecret bool, all sides, actor identity.Actor) []event.Event {
	previous, old := "", ""
	if current != nil {
		previous, old = current.Digest, current.ClientID()
	}
	id := next.ClientID()
	applied := event.New(next.Updated, "app.applied", actor, identity.App(next.ID),
		"name", next.Name, "digest", next.Digest, "previous", previous, "client", id, "missing", strings.Join(next.Manifest.Missing(), " "),
		"pending", inWords(all.pending(&next)))
	switch {
	case old == "":
	case old != id:
		applied = applied.Revoking(identity.Client(old))
	default:
		applied = applied.Revoking(all.lost(current, &next)...)
	}
	if current != nil {
		applied = applied.Revoking(all.givenUp(current, &next)...)
	}
	events := []event.Event{applied}
	if newSecret {
		events = append(events, secretCreated(next, actor))
	}
	return events
}

func secretCreated(a App, actor identity.Actor) event.Event {
	return event.New(a.Secrets[0].Created, "client.secret_created", actor, identity.Client(a.ClientID()), "app", a.ID, "name", a.Name)
}

// Remove deletes the app with everything derived from it, and revokes what was
// issued to it and what others have of its API. It fails with ErrAppNotFound.
func (s *Service) Remove(ctx context.Context, name string, actor identity.Actor) error {
	apps, err := s.Apps(ctx)
	if err != nil {
		return err
	}
	err = s.o.Store.RemoveApp(ctx, name, func(a App) []event.Event {
		return []event.Event{event.New(s.now(), "app.removed", actor, identity.App(a.ID), "name", a.Name, "digest", a.Digest, "client", a.ClientID()).
			Revoking(a.refs()...).Revoking(sides(apps).givenUp(&a, nil)...)}
	})
	if err != nil {
		return err
	}
	s.o.Changed(ctx)
	return nil
}

// Disable keeps everybody out of the app and revokes what was issued to it;
// again is no change. It fails with ErrAppNotFound.
func (s *Service) Disable(ctx context.Context, name string, actor identity.Actor) (App, error) {
	return s.set(ctx, name, true, actor)
}

// Enable ends what Disable began; again is no change. What was revoked stays so.
func (s *Service) Enable(ctx context.Context, name string, actor identity.Actor) (App, error) {
	return s.set(ctx, name, false, actor)
}

func (s *Service) set(ctx context.Context, name string, disabled bool, actor identity.Actor) (App, error) {
	return s.update(ctx, name, func(a App) (App, []event.Event, error) {
		if a.Disabled == disabled {
			return a, nil, errUnchanged
		}
		a.Disabled, a.Updated = disabled, s.now()
		e := event.New(a.Updated, "app.enabled", actor, identity.App(a.ID), "name", a.Name)
		if disabled {
			e.Type = "app.disabled"
			e = e.Revoking(a.refs()...)
		}
		return a, []event.Event{e}, nil
	})
}

// RotateSecret makes a new client secret and returns it, the only time that it is
// told. The one before stays good until the next rotation; older ones do not. It
// fails with ErrAppNotFound or ErrNoSecret.
func (s *Service) RotateSecret(ctx context.Context, name string, actor identity.Actor) (App, string, error) {
	var text string
	app, err := s.update(ctx, name, func(a App) (App, []event.Event, error) {
		if !a.Manifest.Spec.Identity.OIDC.usesSecret() {
			return a, nil, ErrNoSecret
		}
		var made Secret
		text, made = newSecret(s.now())
		a.Secrets = append([]Secret{made}, a.Secrets[:min(len(a.Secrets), liveSecrets-1)]...)
		a.Updated = made.Created
		return a, []event.Event{secretCreated(a, actor)}, nil
	})
	if err != nil {
		return App{}, "", err
	}
	return app, text, nil
}

// update changes an app that exists.
func (s *Service) update(ctx context.Context, name string, change func(App) (App, []event.Event, error)) (App, error) {
	var unchanged App
	app, err := s.o.Store.ApplyApp(ctx, name, func(current *App) (App, []event.Event, error) {
		if current == nil {
			return App{}, nil, ErrAppNotFound
		}
		next, events, err := change(*current)
		unchanged = next
		return next, events, err
	})
	switch {
	case errors.Is(err, errUnchanged):
		return unchanged, nil
	case err != nil:
		return App{}, err
	}
	s.o.Changed(ctx)
	return app, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// newSecret returns 256 random bits as text, and what is kept of them.
func newSecret(now time.Time) (text string, kept Secret) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(fmt.Sprintf("crypto/rand failed, which it promises not to: %v", err))
	}
	text = base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(text))
	return text, Secret{Hash: hash[:], Created: now}
}

// ClientID returns the app's client_id or entity id, or "" when nobody signs in to
// it. The two share one name space: see claims.
func (a App) ClientID() string {
	switch id := a.Manifest.Spec.Identity; {
	case id.OIDC != nil:
		return id.OIDC.ClientID
	case id.SAML != nil:
		return id.SAML.EntityID
	}
	return ""
}

// SignedBy reports whether what the app gets is signed with the algorithm.
func (a App) SignedBy(alg keys.Algorithm) bool {
	id := a.Manifest.Spec.Identity
	if id.SAML != nil {
		return alg == keys.SAML
	}
	return id.OIDC != nil && (id.OIDC.SigningAlg == string(alg) || id.OIDC.SigningAlg == "" && alg == keys.ES256)
}

// Audience is the API that the app serves, or "".
func (a App) Audience() string {
	if a.Manifest.Spec.Identity.Resource == nil {
		return ""
	}
	return a.Manifest.Spec.Identity.Resource.Audience
}

// refs name the app and its client in tokens.
func (a App) refs() []identity.Ref {
	refs := []identity.Ref{identity.App(a.ID)}
	if id := a.ClientID(); id != "" {
		refs = append(refs, identity.Client(id))
	}
	return refs
}
