// Command hello is an app that says who signed in, through Gatehouse.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// visit is what the app keeps of a browser: what it sent it to the broker with,
// and later whom the broker says it is.
type visit struct {
	state, nonce, verifier string
	idToken                string
	name                   string
}

type app struct {
	provider *oidc.Provider
	oauth    oauth2.Config
	home     string

	mu     sync.Mutex
	visits map[string]visit
}

const cookie = "hello_go"

func main() {
	address := "127.0.0.1:" + env("PORT", "9001")
	home := "http://" + address + "/"
	provider, err := oidc.NewProvider(context.Background(), env("ISSUER", "http://127.0.0.1:8080"))
	if err != nil {
		log.Fatal(err)
	}
	a := &app{provider: provider, home: home, visits: map[string]visit{}, oauth: oauth2.Config{
		ClientID: env("CLIENT_ID", "microapp-hello-go"), ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint: provider.Endpoint(), RedirectURL: home + "callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", "groups"},
	}}
	http.HandleFunc("GET /{$}", a.greet)
	http.HandleFunc("GET /login", a.login)
	http.HandleFunc("GET /callback", a.callback)
	http.HandleFunc("GET /logout", a.logout)
	log.Println("hello at", home)
	log.Fatal(http.ListenAndServe(address, nil))
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// visit returns what is kept of the browser, and under which key.
func (a *app) visit(r *http.Request) (string, visit) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return "", visit{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return c.Value, a.visits[c.Value]
}

// keep stores a visit under a new key, so that nobody can have set it before.
func (a *app) keep(w http.ResponseWriter, old string, v visit) {
	key := rand.Text()
	a.mu.Lock()
	delete(a.visits, old)
	a.visits[key] = v
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (a *app) greet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, v := a.visit(r); v.name != "" {
		fmt.Fprintf(w, `<h1>Hello, <span id="name">%s</span></h1><a href="/logout">Sign out</a>`, html.EscapeString(v.name))
		return
	}
	fmt.Fprint(w, `<h1>Hello</h1><a href="/login">Sign in</a>`)
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	old, _ := a.visit(r)
	v := visit{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.keep(w, old, v)
	http.Redirect(w, r, a.oauth.AuthCodeURL(v.state, oidc.Nonce(v.nonce), oauth2.S256ChallengeOption(v.verifier)), http.StatusFound)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	old, v := a.visit(r)
	q := r.URL.Query()
	if v.state == "" || q.Get("state") != v.state {
		http.Error(w, "this sign-in did not begin here", http.StatusBadRequest)
		return
	}
	if q.Get("error") != "" {
		http.Error(w, q.Get("error")+": "+q.Get("error_description"), http.StatusForbidden)
		return
	}
	token, err := a.oauth.Exchange(r.Context(), q.Get("code"), oauth2.VerifierOption(v.verifier))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := a.provider.Verifier(&oidc.Config{ClientID: a.oauth.ClientID, SupportedSigningAlgs: []string{oidc.ES256}}).Verify(r.Context(), raw)
	if err != nil || idToken.Nonce != v.nonce {
		http.Error(w, "the id_token is not good", http.StatusBadGateway)
		return
	}
	var claims struct{ Name, Email string }
	if err := idToken.Claims(&claims); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a.keep(w, old, visit{idToken: raw, name: claims.Name + " (" + claims.Email + ")"})
	http.Redirect(w, r, "/", http.StatusFound)
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	key, v := a.visit(r)
	a.mu.Lock()
	delete(a.visits, key)
	a.mu.Unlock()
	if v.idToken == "" { // nobody is signed in here
		http.Redirect(w, r, "/", http.StatusFound)
		return
	}
	var endpoints struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := a.provider.Claims(&endpoints); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	q := url.Values{"id_token_hint": {v.idToken}, "post_logout_redirect_uri": {a.home}}
	http.Redirect(w, r, endpoints.EndSession+"?"+q.Encode(), http.StatusFound)
}
