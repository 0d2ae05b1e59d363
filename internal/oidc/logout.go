package oidc

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// How long a logout token is good, and how long its delivery is tried.
const (
	logoutLife  = 2 * time.Minute
	logoutTries = 24 * time.Hour
	fanoutPage  = 100
)

//go:embed logout.html done.html de.yaml
var logoutFiles embed.FS

type logoutPages struct{ ask, done *ui.Template }

func (l *logoutPages) parse(u *ui.UI) (err error) {
	if l.ask, err = u.Parse(logoutFiles, "logout.html"); err == nil {
		l.done, err = u.Parse(logoutFiles, "done.html")
	}
	return err
}

// logout is RP-initiated logout. Only a hint that this provider signed for the
// session of this very browser signs out at once; otherwise the person is asked.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	params, err := parameters(r)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	r = ui.Prefer(r, params.Get("ui_locales"))
	hint, hinted := p.hint(r.Context(), params)
	c, back, err := p.backTo(r.Context(), params, hint, hinted)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	s, err := p.o.Sessions.Current(r)
	switch {
	case errors.Is(err, session.ErrNotFound) && cookieless(r):
		p.askAgain(w, r, "/logout", params)
	case errors.Is(err, session.ErrNotFound) && (back == "" || hinted):
		p.signedOut(w, r, back)
	case errors.Is(err, session.ErrNotFound):
		p.signedOut(w, r, "")
	case err != nil:
		p.o.UI.Error(w, r, err)
	case hinted && hint.Session == s.ID:
		p.end(w, r, s, back)
	default:
		p.askLogout(w, r, params, c, back)
	}
}

// logoutParameters are what the page that asks carries on to the person's yes.
var logoutParameters = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"}

// askLogout asks the person, and says which app the yes leads back to. The
// request is verified anew when the yes comes.
func (p *Provider) askLogout(w http.ResponseWriter, r *http.Request, params url.Values, c *registry.Client, back string) {
	page := ui.Page{Title: ui.T("Sign out?"), Template: p.pages.ask}
	if back != "" {
		fields := map[string]string{}
		for _, name := range logoutParameters {
			if v := params.Get(name); v != "" {
				fields[name] = v
			}
		}
		page.Data = map[string]any{"App": c.Title, "Fields": fields}
		if target, err := url.Parse(back); err == nil {
			page.FormTargets = []string{target.Scheme + "://" + target.Host}
		}
	}
	p.o.UI.Render(w, r, http.StatusOK, page)
}

func (p *Provider) hint(ctx context.Context, params url.Values) (token.ID, bool) {
	id, err := p.o.Verifier.IDHint(ctx, params.Get("id_token_hint"))
	if err != nil || (params.Has("client_id") && params.Get("client_id") != id.Audience) {
		return token.ID{}, false
	}
	return id, true
}

// errWhoseLogout refuses to lead back to an address that nobody says whose it is
// (OpenID Connect RP-Initiated Logout 1.0, section 3).
var errWhoseLogout = fault.New(fault.Invalid, "logout_client",
	"the app did not say who it is: it sends client_id, or an id_token_hint that it got here, together with post_logout_redirect_uri").At("client_id")

// backTo returns where to go afterwards, and whose address that is: one that is
// registered for the client, with state. Anything else is refused before anybody
// is signed out.
func (p *Provider) backTo(ctx context.Context, params url.Values, hint token.ID, hinted bool) (*registry.Client, string, error) {
	uri, id := params.Get("post_logout_redirect_uri"), params.Get("client_id")
	if hinted {
		id = hint.Audience
	}
	if uri == "" {
		return nil, "", nil
	}
	if id == "" {
		return nil, "", errWhoseLogout
	}
	wrong := fault.New(fault.Invalid, "post_logout_redirect_uri", "the app wants you to go to an address that is not registered for it; its owner can fix that").At("post_logout_redirect_uri")
	c, err := p.o.Clients.Client(ctx, id)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil, "", wrong
	}
	if err != nil {
		return nil, "", err
	}
	if !slices.Contains(c.PostLogoutRedirectURIs, uri) {
		return nil, "", wrong
	}
	if state := params.Get("state"); state != "" {
		separator := "?"
		if strings.Contains(uri, "?") {
			separator = "&"
		}
		uri += separator + url.Values{"state": {state}}.Encode()
	}
	return c, uri, nil
}

// confirmLogout takes the person's yes.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request) {
	s, err := p.o.Sessions.Current(r)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		p.o.UI.Error(w, r, err)
		return
	}
	if err != nil {
		p.signedOut(w, r, "")
		return
	}
	params, err := formOf(r)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	hint, hinted := p.hint(r.Context(), params)
	_, back, err := p.backTo(r.Context(), params, hint, hinted)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.end(w, r, s, back)
}

func (p *Provider) end(w http.ResponseWriter, r *http.Request, s session.Session, back string) {
	if err := p.o.Sessions.End(r.Context(), s.ID, p.o.Actor(r, identity.Person(s.Person)), "logout"); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Sessions.Clear(w)
	if p.o.Leave == nil || !p.o.Leave(w, r, s, back) {
		p.signedOut(w, r, back)
	}
}

func (p *Provider) signedOut(w http.ResponseWriter, r *http.Request, back string) {
	if back != "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	p.o.UI.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("You are signed out"), Template: p.pages.done})
}

// logoutJob is one client to tell of the end of one session. App is the internal id of the
// app that took part in it: whoever has its client_id since hears of nobody. It is empty
// in what an older broker queued.
type logoutJob struct{ Session, Client, App string }

// SessionsEnded queues a back-channel logout for every client of every session
// that the event ended. It handles events that revoke sessions.
func (p *Provider) SessionsEnded(ctx context.Context, e event.Event) error {
	for after := ""; ; {
		ids, err := p.o.Fanout.SessionsEndedBy(ctx, e.ID, after, fanoutPage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := p.queueLogouts(ctx, id); err != nil {
				return err
			}
			after = id
		}
		if len(ids) < fanoutPage {
			return nil
		}
	}
}

// AccessLost queues a back-channel logout for the clients of the apps that a person has
// lost, in every session that they take part in. It handles events that revoke an
// identity.Install; the sessions go on.
func (p *Provider) AccessLost(ctx context.Context, e event.Event) error {
	var jobs []job.Job
	for _, ref := range e.Revokes {
		person, app, ok := identity.SplitInstall(ref)
		if !ok {
			continue
		}
		sessions, err := p.o.Fanout.SessionsOf(ctx, person)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			some, err := p.logouts(ctx, s.ID, e.ID+"/"+s.ID, func(one session.Participant) bool { return one.App == app })
			if err != nil {
				return err
			}
			jobs = append(jobs, some...)
		}
	}
	return p.o.Queue.Enqueue(ctx, jobs...)
}

func (p *Provider) queueLogouts(ctx context.Context, id string) error {
	jobs, err := p.logouts(ctx, id, id, func(session.Participant) bool { return true })
	if err != nil {
		return err
	}
	return p.o.Queue.Enqueue(ctx, jobs...)
}

// logouts are the jobs that tell clients of a session, those that are told, of its end;
// key is what sets the jobs of one cause apart from those of others.
func (p *Provider) logouts(ctx context.Context, id, key string, told func(session.Participant) bool) ([]job.Job, error) {
	participants, err := p.o.Fanout.Participants(ctx, id)
	if err != nil {
		return nil, err
	}
	now := p.o.Now()
	var jobs []job.Job
	for _, one := range participants {
		if !told(one) {
			continue
		}
		payload, err := json.Marshal(logoutJob{Session: id, Client: one.Client, App: one.App})
		if err != nil {
			return nil, fmt.Errorf("queue logout: %w", err)
		}
		jobs = append(jobs, job.Job{Queue: grant.LogoutQueue, Key: key + "/" + one.Client, Payload: payload, RunAt: now, Deadline: now.Add(logoutTries)})
	}
	return jobs, nil
}

// logoutID is the jti of the logout token of a job: the same whenever it is sent, so that
// an app which hears it again after an answer was lost knows. An app may refuse what it has
// heard (section 2.6, step 7), and nobody can tell whether it did: after a refusal the
// next one has another jti.
func logoutID(j job.Job) string {
	of := j.Queue + "\x00" + j.Key
	if j.LastError == errLogoutRefused.Error() {
		of += "\x00" + strconv.Itoa(j.Attempt)
	}
	sum := sha256.Sum256([]byte(of))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// errLogoutRefused is why a delivery failed that the app finds wrong (OpenID Connect
// Back-Channel Logout 1.0, section 2.8).
var errLogoutRefused = errors.New("deliver logout: the app answers 400")

// DeliverLogout sends one logout token (OpenID Connect Back-Channel Logout 1.0).
func (p *Provider) DeliverLogout(ctx context.Context, j job.Job) error {
	var l logoutJob
	if err := json.Unmarshal(j.Payload, &l); err != nil {
		return fmt.Errorf("deliver logout: %w", err)
	}
	c, err := p.o.Clients.Client(ctx, l.Client)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return job.Needless("there is no such client any more, or the app speaks SAML")
	case err != nil:
		return err
	case l.App != "" && c.App != l.App:
		return job.Needless("the app is gone, and another one has its client_id")
	case c.BackchannelLogoutURI == "":
		return job.Needless("the app has no address for back-channel logout")
	}
	s, err := p.o.Fanout.Session(ctx, l.Session)
	if err != nil {
		return err
	}
	now := p.o.Now()
	alg := keys.Algorithm(c.SigningAlg)
	if alg == "" {
		alg = keys.ES256
	}
	raw, err := p.o.Minter.Logout(alg, token.Logout{
		Subject: s.Person, Audience: c.ID, ID: logoutID(j), Issued: now, Expires: now.Add(logoutLife), Session: s.ID,
	})
	if err != nil {
		return err
	}
	return p.post(ctx, c.BackchannelLogoutURI, raw)
}

func (p *Provider) post(ctx context.Context, to, logoutToken string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(url.Values{"logout_token": {logoutToken}}.Encode()))
	if err != nil {
		return fmt.Errorf("deliver logout: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.o.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("deliver logout: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusBadRequest {
		return errLogoutRefused
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("deliver logout: the app answers %d", res.StatusCode)
	}
	return nil
}
