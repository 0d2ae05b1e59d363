package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// maxState bounds state, in bytes: there are frameworks that keep there, encrypted,
// all that they must know of the sign-in. maxParameter bounds nonce and jti.
const (
	maxState     = 4 << 10
	maxParameter = 1 << 10
)

// authorization is an authorization request whose client and redirect URI hold.
// It travels through the sign-in as SignInRequest.State.
type authorization struct {
	Client       string   `json:"client"`
	RedirectURI  string   `json:"redirect_uri"`
	ResponseMode string   `json:"response_mode"`
	State        string   `json:"state,omitempty"`
	Nonce        string   `json:"nonce,omitempty"`
	Challenge    string   `json:"challenge,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
	Audience     string   `json:"audience,omitempty"`
}

// authorize answers the authorization endpoint.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	params, err := parameters(r)
	if err == nil {
		err = p.o.Limits.Address.Count(r.Context(), httpx.ClientNetwork(r))
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	r = ui.Prefer(r, params.Get("ui_locales"))
	// Nothing is redirected anywhere before these two hold.
	c, err := p.o.Clients.Client(r.Context(), params.Get("client_id"))
	if err != nil {
		p.o.UI.Error(w, r, clientTrouble(err))
		return
	}
	if !redirectAllowed(c, params.Get("redirect_uri")) {
		p.o.UI.Error(w, r, fault.New(fault.Invalid, "redirect_uri", "the app sent you here with a redirect_uri that is not registered for it; its owner can fix that").At("redirect_uri"))
		return
	}
	a := authorization{
		Client: c.ID, RedirectURI: params.Get("redirect_uri"), ResponseMode: params.Get("response_mode"),
		State: params.Get("state"), Nonce: params.Get("nonce"), Challenge: params.Get("code_challenge"),
	}
	if a.ResponseMode != "form_post" {
		a.ResponseMode = "query"
	}
	req, failure := p.check(r, params, c, &a)
	if failure == nil {
		req.State, err = json.Marshal(a)
	}
	switch {
	case err != nil:
		p.o.UI.Error(w, r, err)
	case failure != nil:
		p.answerFailure(w, r, a, *failure)
	case cookieless(r):
		p.askAgain(w, r, "/authorize", params)
	default:
		p.o.Authenticator.Authenticate(w, r, req)
	}
}

// cookieless reports whether the request is a form that may have been posted by
// another site: browsers keep SameSite cookies from those, and with them the session.
func cookieless(r *http.Request) bool {
	return r.Method == http.MethodPost && len(r.Cookies()) == 0
}

// askAgain has the browser repeat a posted request as GET, which brings cookies.
func (p *Provider) askAgain(w http.ResponseWriter, r *http.Request, path string, params url.Values) {
	query := params.Encode()
	if len(query) > httpx.MaxQuery {
		p.o.UI.Error(w, r, httpx.ErrTooLarge)
		return
	}
	w.Header().Set("Location", p.o.Prefix+path+"?"+query)
	w.WriteHeader(http.StatusSeeOther)
}

func clientTrouble(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Wrap(err, fault.Invalid, "client_id", "the app that sent you here is not registered; its owner can fix that")
	}
	return err
}

// redirectAllowed compares exactly. Only a public client on a loopback address
// may use another port than it registered (RFC 8252, section 7.3).
func redirectAllowed(c *registry.Client, uri string) bool {
	if uri == "" {
		return false
	}
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	if c.Method != registry.AuthNone {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		stem, path, ok := loopback(registered)
		s, p, alsoOK := loopback(uri)
		return ok && alsoOK && stem == s && path == p
	})
}

// loopback splits http://127.0.0.1:port/path or http://[::1]:port/path around the port.
func loopback(uri string) (stem, path string, ok bool) {
	for _, stem := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, found := strings.CutPrefix(uri, stem)
		if !found {
			continue
		}
		path := rest
		if after, has := strings.CutPrefix(rest, ":"); has {
			i := strings.IndexByte(after, '/')
			if i < 1 {
				return "", "", false
			}
			port := after[:i]
			path = after[i:]
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || net.JoinHostPort("", port) != ":"+strconv.FormatUint(n, 10) {
				return "", "", false
			}
		}
		return stem, path, strings.HasPrefix(path, "/")
	}
	return "", "", false
}

func refuse(code, detail string, args ...any) *identity.Failure {
	return &identity.Failure{Code: code, Detail: fmt.Sprintf(detail, args...)}
}

// check looks at everything that may be answered by a redirect.
func (p *Provider) check(r *http.Request, params url.Values, c *registry.Client, a *authorization) (identity.SignInRequest, *identity.Failure) {
	req := identity.SignInRequest{App: c.App, Client: c.ID, LoginHint: params.Get("login_hint"), Connection: params.Get("idp"), ACR: strings.Fields(params.Get("acr_values")), Locales: params.Get("ui_locales")}
	if f := checkShape(params, c, a); f != nil {
		return req, f
	}
	if f := p.checkScope(r, params, c, a); f != nil {
		return req, f
	}
	req.Scopes, req.Audience = a.Scopes, a.Audience
	if f := checkPrompt(params, &req); f != nil {
		return req, f
	}
	if hint := params.Get("id_token_hint"); hint != "" {
		id, err := p.o.Verifier.IDHint(r.Context(), hint)
		if err != nil || id.Audience != c.ID {
			return req, refuse("invalid_request", "id_token_hint is not an id_token of this client")
		}
		req.Subject = id.Subject
	}
	return req, nil
}

func checkShape(params url.Values, c *registry.Client, a *authorization) *identity.Failure {
	mode := params.Get("response_mode")
	switch {
	case params.Has("request"):
		return refuse("request_not_supported", "the parameter request is not supported")
	case params.Has("request_uri"):
		return refuse("request_uri_not_supported", "the parameter request_uri is not supported")
	case params.Has("registration"):
		return refuse("registration_not_supported", "the parameter registration is not supported")
	case params.Get("response_type") == "":
		return refuse("invalid_request", "response_type is missing")
	case params.Get("response_type") != "code":
		return refuse("unsupported_response_type", "response_type must be code")
	case mode != "" && mode != "query" && mode != "form_post":
		return refuse("invalid_request", "response_mode must be query or form_post")
	case !slices.Contains(c.GrantTypes, "authorization_code"):
		return refuse("unauthorized_client", "this client may not use the code flow")
	case params.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case !isChallenge(a.Challenge):
		return refuse("invalid_request", "code_challenge must be the base64url of a SHA-256")
	case len(a.State) > maxState:
		return refuse("invalid_request", "state has at most %d bytes", maxState)
	case len(a.Nonce) > maxParameter:
		return refuse("invalid_request", "nonce has at most %d bytes", maxParameter)
	}
	return nil
}

func isChallenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

func (p *Provider) checkScope(r *http.Request, params url.Values, c *registry.Client, a *authorization) *identity.Failure {
	var err error
	if a.Scopes, err = Scopes(params.Get("scope")); err != nil {
		return refuse(errScopeMalformed.Code, "%s", errScopeMalformed.Detail)
	}
	slices.Sort(a.Scopes)
	a.Scopes = slices.Compact(a.Scopes)
	for _, s := range a.Scopes {
		if !slices.Contains(c.Scopes, s) {
			return refuse("invalid_scope", "scope asks for something that the app's manifest does not")
		}
		if slices.Contains(ownScopes, s) {
			return refuse("invalid_scope", "a client has this scope for itself, by client_credentials, and never in a person's name")
		}
	}
	if len(a.Scopes) == 0 {
		return refuse("invalid_scope", "scope is missing")
	}
	if slices.Contains(a.Scopes, "offline_access") && !slices.Contains(c.GrantTypes, "refresh_token") {
		return refuse("invalid_scope", "offline_access needs the grant type refresh_token")
	}
	if !params.Has("resource") {
		return nil
	}
	a.Audience = params.Get("resource")
	api, err := p.api(r.Context(), c, a.Audience)
	switch f := fault.As(err); {
	case err == nil:
	case f.Code == "invalid_target":
		return refuse(f.Code, "%s", f.Detail)
	default:
		return refuse("temporarily_unavailable", "the registry does not answer")
	}
	if len(agreedNow(c, api, catalog.BySignIn, a.Scopes)) < len(a.Scopes) {
		return refuse("invalid_scope", "%s", notAgreed)
	}
	return nil
}

func checkPrompt(params url.Values, req *identity.SignInRequest) *identity.Failure {
	values := strings.Fields(params.Get("prompt"))
	for _, v := range values {
		switch v {
		case "none":
			req.Prompt.None = true
		case "login":
			req.Prompt.Login = true
		case "consent":
			req.Prompt.Consent = true
		case "select_account":
			req.Prompt.SelectAccount = true
		default:
			return refuse("invalid_request", "prompt must be none, login, consent or select_account")
		}
	}
	if req.Prompt.None && len(values) > 1 {
		return refuse("invalid_request", "prompt none stands alone")
	}
	if !params.Has("max_age") {
		return nil
	}
	n, err := strconv.ParseUint(params.Get("max_age"), 10, 31)
	if err != nil {
		return refuse("invalid_request", "max_age must be a number of seconds")
	}
	age := time.Duration(n) * time.Second
	req.MaxAge = &age
	return nil
}

// Resume goes on after a sign-in: with a code, or with the reason why not.
func (p *Provider) Resume(w http.ResponseWriter, r *http.Request, state []byte, in identity.SignIn) {
	var a authorization
	if err := json.Unmarshal(state, &a); err != nil {
		p.o.UI.Error(w, r, fmt.Errorf("resume: %w", err))
		return
	}
	// Time has passed: the app may be another one by now.
	c, err := p.o.Clients.Client(r.Context(), a.Client)
	if err == nil && !redirectAllowed(c, a.RedirectURI) {
		err = registry.ErrClientNotFound
	}
	if err != nil {
		p.o.UI.Error(w, r, clientTrouble(err))
		return
	}
	if in.Failure != nil {
		p.answerFailure(w, r, a, *in.Failure)
		return
	}
	// Most of all this stops an app that sends people round in a circle.
	if err := p.o.Limits.Person.Count(r.Context(), in.Person); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	code, err := p.issueCode(r, c, a, in)
	switch f := fault.As(err); {
	case err == nil:
		p.answer(w, r, a, url.Values{"code": {code}})
	case f.Code == "invalid_target":
		p.answerFailure(w, r, a, *refuse(f.Code, "%s", f.Detail))
	default:
		p.o.UI.Error(w, r, err)
	}
}

func (p *Provider) issueCode(r *http.Request, c *registry.Client, a authorization, in identity.SignIn) (string, error) {
	if c.Disabled || len(c.Missing) > 0 {
		return "", fault.New(fault.Denied, "app_disabled", "this app is switched off or not complete")
	}
	if a.Audience != "" {
		person, err := p.o.People.Usable(r.Context(), in.Person, in.Authentication.Connection)
		if err == nil {
			err = p.reaches(r.Context(), person, a.Audience)
		}
		if err != nil {
			return "", err
		}
	}
	secret, hash := newSecret()
	now := p.o.Now().UTC().Truncate(time.Microsecond)
	return secret, p.o.Grants.CreateCode(r.Context(), grant.Code{
		Hash: hash, Grant: identity.NewID(), RedirectURI: a.RedirectURI, Challenge: a.Challenge, Nonce: a.Nonce, Issued: now, Expires: now.Add(codeLife),
		Subject: grant.Subject{
			Person: in.Person, Session: in.Session, Connection: in.Authentication.Connection, App: c.App, Client: c.ID,
			Scopes: in.Scopes, Audience: a.Audience, Authentication: in.Authentication, Rev: min(in.Rev, c.Rev), Era: p.o.Era,
		},
	})
}

// newSecret returns 256 random bits as text, and their SHA-256.
func newSecret() (text string, hash []byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	text = base64.RawURLEncoding.EncodeToString(b)
	return text, hashOf(text)
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func (p *Provider) answerFailure(w http.ResponseWriter, r *http.Request, a authorization, f identity.Failure) {
	p.answer(w, r, a, url.Values{"error": {f.Code}, "error_description": {f.Detail}})
}

// answer sends values to the client, with state and the issuer (RFC 9207).
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, a authorization, values url.Values) {
	values.Set("iss", p.o.Issuer)
	if a.State != "" {
		values.Set("state", a.State)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if a.ResponseMode == "form_post" {
		p.o.UI.Post(w, r, a.RedirectURI, values)
		return
	}
	separator := "?"
	if strings.Contains(a.RedirectURI, "?") {
		separator = "&"
	}
	h.Set("Location", a.RedirectURI+separator+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
}
