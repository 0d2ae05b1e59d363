package upstream

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// pendingPurpose types sign-outs that wait for the provider's answer, owedPurpose those
// whose answer the provider waits for.
const (
	pendingPurpose cache.Purpose = "saml-logout"
	owedPurpose    cache.Purpose = "saml-logout-owed"
)

const (
	// maxMessage is what a form about signing out may measure, in bytes.
	maxMessage = 128 << 10
	// maxRelay is the longest relay state of somebody else that is given back.
	maxRelay = 1024
	// leaveTime bounds how long a sign-out waits for metadata that is not known yet.
	leaveTime = 2 * time.Second
)

// ErrLogout refuses what is no message about signing out that is under way.
var ErrLogout = fault.New(fault.Invalid, "saml_logout", "this is no message about signing out, or the sign-out it answers is over")

//go:embed left.html de.yaml
var samlFiles embed.FS

// SAMLEndpoints are what identity providers reach of ours beside the assertion
// consumer service, which is login's:
//
//	GET       /login/saml/{connection}/metadata  our metadata for that provider
//	GET, POST /login/saml/{connection}/slo       single logout, both ways (profiles, section 4.4)
//	GET       /login/saml/{connection}/slo/{handle}  goes on with it after the apps
//
// A LogoutRequest ends our sessions of that NameID, those of its SessionIndexes alone
// when it has some, and with them what hangs on them.
type SAMLEndpoints struct {
	o   SAMLEndpointOptions
	out *ui.Template
}

// SAMLEndpointOptions are what SAMLEndpoints need. All but Prefix are required.
type SAMLEndpointOptions struct {
	// Connection returns the SAML connection with this id and its title, or fails.
	Connection func(ctx context.Context, id string) (s *SAML, title string, err error)
	Sessions   interface {
		Current(r *http.Request) (session.Session, error)
		EndUpstream(ctx context.Context, connection, name string, indexes []string, actor identity.Actor) (ended int, err error)
	}
	// Apps leads the browser through the apps of a session that has ended and that only
	// it can tell, and then to back, where it answers and returns true; nil does nothing.
	Apps  func(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool
	Cache cache.Cache
	// Limit bounds how many messages one address sends.
	Limit interface {
		Count(ctx context.Context, key string) error
	}
	// Refused records a message that was refused.
	Refused func(r *http.Request, connection string, why error)
	Actor   func(*http.Request, identity.Ref) identity.Actor
	UI      *ui.UI
	Log     *slog.Logger
}

// NewSAMLEndpoints returns SAMLEndpoints.
func NewSAMLEndpoints(o SAMLEndpointOptions) (*SAMLEndpoints, error) {
	out, err := o.UI.Parse(samlFiles, "left.html")
	return &SAMLEndpoints{o: o, out: out}, err
}

// Mount adds the routes.
func (e *SAMLEndpoints) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /login/saml/{connection}/metadata", e.metadata)
	mux.HandleFunc("GET /login/saml/{connection}/slo", e.logout)
	mux.HandleFunc("POST /login/saml/{connection}/slo", e.logout)
	mux.HandleFunc("GET /login/saml/{connection}/slo/{handle}", e.appsLeft)
}

func (e *SAMLEndpoints) metadata(w http.ResponseWriter, r *http.Request) {
	s, _, err := e.o.Connection(r.Context(), r.PathValue("connection"))
	var document []byte
	if err == nil {
		document, err = s.SPMetadata()
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(document) // the peer may have gone
}

// logout takes a message about signing out.
func (e *SAMLEndpoints) logout(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("connection")
	got, err := e.receive(r)
	if err == nil {
		err = e.o.Limit.Count(r.Context(), "slo "+httpx.ClientNetwork(r))
	}
	if err != nil {
		e.o.UI.Error(w, r, err)
		return
	}
	s, title, err := e.o.Connection(r.Context(), id)
	if err != nil {
		e.o.UI.Error(w, r, err)
		return
	}
	if got.kind == xmlgate.LogoutRequest {
		err = e.asked(w, r, s, title, got)
	} else {
		err = e.answered(w, r, s, id, title, got)
	}
	if err != nil {
		e.o.Refused(r, id, err)
		e.o.UI.Error(w, r, err)
	}
}

func (e *SAMLEndpoints) receive(r *http.Request) (received, error) {
	values, err := httpx.Query(r)
	if r.Method == http.MethodPost {
		values, err = httpx.FormUpTo(r, maxMessage)
	}
	if err != nil {
		return received{}, err
	}
	encoded, kind := messageIn(values)
	if kind == 0 || len(values.Get("RelayState")) > maxRelay {
		return received{}, ErrLogout
	}
	got := received{kind: kind, relay: values.Get("RelayState")}
	if r.Method == http.MethodPost {
		got.form = encoded
	} else {
		got.query = r.URL.RawQuery
	}
	return got, nil
}

// asked ends the sessions that the provider wants ended, and tells it.
func (e *SAMLEndpoints) asked(w http.ResponseWriter, r *http.Request, s *SAML, title string, got received) error {
	asked, err := s.logoutRequested(r.Context(), got)
	if err != nil {
		return err
	}
	here, signedIn := e.o.Sessions.Current(r)
	status := saml.Success
	ended, err := e.o.Sessions.EndUpstream(r.Context(), s.o.ID, asked.Session.Name, asked.Indexes, e.o.Actor(r, identity.Connection(s.o.ID)))
	if err != nil { // the provider must not tell the person that all is done
		e.o.Log.ErrorContext(r.Context(), "sessions not ended", slog.String("connection", s.o.ID), slog.Any("error", err))
		status = saml.Responder
	}
	e.o.Log.InfoContext(r.Context(), "signed out at the identity provider", slog.String("connection", s.o.ID), slog.Int("sessions", ended))
	a := owed{Connection: s.o.ID, Asked: asked, Status: status, Relay: got.relay}
	if _, gone := e.o.Sessions.Current(r); signedIn == nil && errors.Is(gone, session.ErrNotFound) && e.o.Apps != nil {
		handle := random()
		if err := e.keep(r.Context(), owedPurpose, handle, a); err != nil {
			return err
		}
		if e.o.Apps(w, r, here, s.o.SLO+"/"+handle) {
			return nil
		}
	}
	return e.pay(w, r, s, title, a)
}

// owed is an answer that a provider waits for.
type owed struct {
	Connection string             `json:"connection"`
	Asked      saml.LogoutRequest `json:"asked"`
	Status     string             `json:"status"`
	Relay      string             `json:"relay,omitempty"`
}

// pay takes the browser back to the provider with its answer.
func (e *SAMLEndpoints) pay(w http.ResponseWriter, r *http.Request, s *SAML, title string, a owed) error {
	left, ok, err := s.answerLogout(r.Context(), a.Asked, a.Status, a.Relay)
	if err != nil {
		return err
	}
	if !ok {
		e.signedOut(w, r, title, a.Status == saml.Success)
		return nil
	}
	e.send(w, r, title, left)
	return nil
}

// appsLeft goes on once the browser was led through the apps.
func (e *SAMLEndpoints) appsLeft(w http.ResponseWriter, r *http.Request) {
	raw, ok, err := e.o.Cache.Take(r.Context(), owedPurpose, r.PathValue("handle"))
	var a owed
	if err == nil && (!ok || json.Unmarshal(raw, &a) != nil || a.Connection != r.PathValue("connection")) {
		err = ErrLogout
	}
	var s *SAML
	var title string
	if err == nil {
		s, title, err = e.o.Connection(r.Context(), a.Connection)
	}
	if err == nil {
		err = e.pay(w, r, s, title, a)
	}
	if err != nil {
		e.o.UI.Error(w, r, err)
	}
}

// answered goes on with a sign-out of ours.
func (e *SAMLEndpoints) answered(w http.ResponseWriter, r *http.Request, s *SAML, id, title string, got received) error {
	raw, ok, err := e.o.Cache.Take(r.Context(), pendingPurpose, got.relay)
	if err != nil {
		return err
	}
	var p pending
	if !ok || json.Unmarshal(raw, &p) != nil || p.Connection != id {
		return ErrLogout
	}
	switch err := s.logoutAnswered(r.Context(), got, p.Request); {
	case errors.Is(err, saml.ErrStatus): // signed, and not done
		e.signedOut(w, r, title, false)
	case err != nil:
		return err
	case p.Back != "":
		http.Redirect(w, r, p.Back, http.StatusSeeOther)
	default:
		e.signedOut(w, r, title, true)
	}
	return nil
}

// Leave takes a browser whose session has ended to the provider that the person
// signed in with, to sign out there, too, and then to back, which the caller has
// verified. It answers and returns true, or leaves that to the caller: a provider
// that cannot be reached or takes no LogoutRequest holds up no sign-out.
func (e *SAMLEndpoints) Leave(w http.ResponseWriter, r *http.Request, a identity.Authentication, back string) bool {
	if a.Upstream == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), leaveTime)
	defer cancel()
	s, title, err := e.o.Connection(ctx, a.Connection)
	if err != nil {
		return false
	}
	p, handle := pending{Connection: a.Connection, Request: saml.NewID(), Back: back}, random()
	left, ok, err := s.askLogout(ctx, p.Request, *a.Upstream, handle)
	if err == nil && ok {
		err = e.keep(ctx, pendingPurpose, handle, p)
	}
	if err != nil {
		e.o.Log.WarnContext(r.Context(), "not signed out at the identity provider", slog.String("connection", a.Connection), slog.Any("error", err))
	}
	if err != nil || !ok {
		return false
	}
	e.send(w, r, title, left)
	return true
}

func (e *SAMLEndpoints) keep(ctx context.Context, purpose cache.Purpose, handle string, what any) error {
	raw, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("keep a sign-out: %w", err)
	}
	return e.o.Cache.Put(ctx, purpose, handle, raw, pendingLife)
}

// send takes the browser to the provider.
func (e *SAMLEndpoints) send(w http.ResponseWriter, r *http.Request, title string, left identity.Departure) {
	switch {
	case left.Form != nil:
		e.o.UI.PostToProvider(w, r, title, left.URL, left.Form)
	case r.Method == http.MethodPost:
		e.o.UI.SendToProvider(w, r, title, left.URL)
	default:
		http.Redirect(w, r, left.URL, http.StatusSeeOther)
	}
}

// signedOut ends a sign-out on a page of ours. there says that it is known to be done
// at the provider, too.
func (e *SAMLEndpoints) signedOut(w http.ResponseWriter, r *http.Request, title string, there bool) {
	e.o.UI.Render(w, r, http.StatusOK, ui.Page{
		Title: ui.T("You are signed out"), Template: e.out, Data: map[string]any{"Provider": cmp.Or(title, r.PathValue("connection")), "There": there},
	})
}
