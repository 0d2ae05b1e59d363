package sample

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// attemptLife is how long a person may take to sign in.
const attemptLife = 10 * time.Minute

// assertionTries is how often a code is tried with a new client assertion.
const assertionTries = 4

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	who, ok := a.visitor(r)
	if !ok {
		a.render(w, http.StatusOK, view{})
		return
	}
	a.render(w, http.StatusOK, view{Visitor: &who, CanRefresh: who.token.RefreshToken != ""})
}

// login begins a sign-in at the broker. The query of the page is passed on, so
// that prompt, max_age or idp can be tried by hand.
func (a *App) login(w http.ResponseWriter, r *http.Request) {
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	state, try := rand.Text(), attempt{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), begun: a.o.Now()}
	a.mu.Lock()
	a.attempts[state] = try
	for s, old := range a.attempts {
		if a.o.Now().Sub(old.begun) > attemptLife {
			delete(a.attempts, s)
		}
	}
	a.mu.Unlock()
	options := []oauth2.AuthCodeOption{oidc.Nonce(try.nonce), oauth2.S256ChallengeOption(try.verifier)}
	for name, values := range r.URL.Query() {
		options = append(options, oauth2.SetAuthURLParam(name, values[0]))
	}
	a.setCookie(w, a.stateCookie(), state)
	c := a.config(p)
	http.Redirect(w, r, c.AuthCodeURL(state, options...), http.StatusSeeOther)
}

func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.fail(w, http.StatusBadRequest, err)
		return
	}
	try, known := a.attempted(r)
	switch {
	case !known:
		a.render(w, http.StatusBadRequest, view{Problem: "This answer belongs to no sign-in that was begun here."})
		return
	case r.Form.Get("iss") != a.o.Issuer:
		a.render(w, http.StatusBadRequest, view{Problem: "The answer comes from another issuer."})
		return
	case r.Form.Get("error") != "":
		a.render(w, http.StatusForbidden, view{Problem: r.Form.Get("error") + ": " + r.Form.Get("error_description")})
		return
	}
	a.exchange(w, r, r.Form.Get("code"), try)
}

// attempted takes the attempt that an answer belongs to, which began in this browser. Also
// a form_post brings its cookie: the broker of a demo is on another port, and so of the
// same site. Without it, one person's answer would sign another one's browser in.
func (a *App) attempted(r *http.Request) (attempt, bool) {
	state := r.Form.Get("state")
	if c, err := r.Cookie(a.stateCookie()); err != nil || c.Value != state {
		return attempt{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	try, known := a.attempts[state]
	delete(a.attempts, state)
	return try, known
}

func (a *App) exchange(w http.ResponseWriter, r *http.Request, code string, try attempt) {
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	token, err := a.redeem(r.Context(), p, code, try)
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	who, err := a.admit(r.Context(), p, token, try.nonce)
	if err != nil {
		a.fail(w, http.StatusForbidden, err)
		return
	}
	cookie := rand.Text()
	a.mu.Lock()
	a.people[cookie] = who
	a.mu.Unlock()
	a.setCookie(w, a.cookie(), cookie)
	http.Redirect(w, r, a.o.BaseURL+"/", http.StatusSeeOther)
}

// redeem exchanges the code. A broker that has just restarted cannot tell whether
// an assertion from before was seen, and refuses it: a new one is good soon.
func (a *App) redeem(ctx context.Context, p *oidc.Provider, code string, try attempt) (*oauth2.Token, error) {
	c := a.config(p)
	for tries := 1; ; tries++ {
		options, err := a.prove()
		if err != nil {
			return nil, err
		}
		token, err := c.Exchange(ctx, code, append(options, oauth2.VerifierOption(try.verifier))...)
		refused, is := errors.AsType[*oauth2.RetrieveError](err)
		if !is || refused.ErrorCode != "invalid_client" || a.o.Auth != "private_key_jwt" || tries == assertionTries {
			return token, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	who, ok := a.visitor(r)
	p, err := a.discover(r.Context())
	if !ok || err != nil || who.token.RefreshToken == "" {
		a.render(w, http.StatusForbidden, view{Problem: "There is nothing to refresh."})
		return
	}
	c := a.config(p)
	token, err := c.TokenSource(r.Context(), &oauth2.Token{RefreshToken: who.token.RefreshToken}).Token()
	if err != nil {
		a.fail(w, http.StatusForbidden, err)
		return
	}
	who.token = token
	a.remember(r, who)
	a.render(w, http.StatusOK, view{Visitor: &who, CanRefresh: true, Note: "Refreshed: new tokens, the old ones are worth nothing."})
}

// logout signs out here and at the broker (OpenID Connect RP-Initiated Logout 1.0).
func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	who, ok := a.visitor(r)
	p, err := a.discover(r.Context())
	if err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	var meta struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := p.Claims(&meta); err != nil {
		a.fail(w, http.StatusBadGateway, err)
		return
	}
	target := url.Values{"client_id": {a.o.ClientID}, "post_logout_redirect_uri": {a.o.BaseURL + "/bye"}}
	if ok {
		target.Set("id_token_hint", who.idToken)
	}
	a.forget(func(cookie string, _ visitor) bool {
		c, err := r.Cookie(a.cookie())
		return err == nil && c.Value == cookie
	})
	http.Redirect(w, r, meta.EndSession+"?"+target.Encode(), http.StatusSeeOther)
}

// backchannel receives a logout token (OpenID Connect Back-Channel Logout 1.0).
func (a *App) backchannel(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p, err := a.discover(r.Context())
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	t, err := p.Verifier(&oidc.Config{
		ClientID: a.o.ClientID, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.EdDSA}, Now: a.o.Now,
	}).Verify(r.Context(), r.PostFormValue("logout_token"))
	var claims struct {
		SID    string                     `json:"sid"`
		Nonce  *string                    `json:"nonce"`
		Events map[string]json.RawMessage `json:"events"`
	}
	if err != nil || t.Claims(&claims) != nil || claims.Nonce != nil || claims.Events["http://schemas.openid.net/event/backchannel-logout"] == nil {
		http.Error(w, "not a logout token", http.StatusBadRequest)
		return
	}
	a.forget(func(_ string, who visitor) bool {
		return who.SID == claims.SID && (t.Subject == "" || t.Subject == who.Subject)
	})
	w.WriteHeader(http.StatusOK)
}

func (a *App) forget(match func(cookie string, who visitor) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for cookie, who := range a.people {
		if match(cookie, who) {
			delete(a.people, cookie)
		}
	}
}

// remember replaces what is known of a visitor, unless they were signed out meanwhile.
func (a *App) remember(r *http.Request, who visitor) {
	cookie, err := r.Cookie(a.cookie())
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, in := a.people[cookie.Value]; in {
		a.people[cookie.Value] = who
	}
}

func (a *App) visitor(r *http.Request) (visitor, bool) {
	c, err := r.Cookie(a.cookie())
	if err != nil {
		return visitor{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	who, ok := a.people[c.Value]
	return who, ok
}

// Cookies carry the app's name: every port of one address shares them.
func (a *App) cookie() string      { return a.o.Name + "-session" }
func (a *App) stateCookie() string { return a.o.Name + "-state" }

func (a *App) setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: the demo is plain http on loopback, where Secure would lose the cookie
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
