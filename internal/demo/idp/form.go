package idp

import (
	"crypto/rand"
	"net/http"
	"net/url"
)

// carried are the parameters of a request that the form brings back.
var carried = []string{"state", "nonce", "challenge"}

// askPassword shows the form for a valid authorization request.
func (p *Provider) askPassword(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.o.Client || q.Get("redirect_uri") != p.o.RedirectURI {
		http.Error(w, "unknown client or redirect_uri", http.StatusBadRequest)
		return
	}
	if q.Get("response_type") != "code" || q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256" {
		p.redirect(w, r, url.Values{"error": {"invalid_request"}, "state": {q.Get("state")}})
		return
	}
	q.Set("challenge", q.Get("code_challenge"))
	p.form(q, q.Get("login_hint")).Write(w, http.StatusOK)
}

// form asks for a password, for what values bring.
func (p *Provider) form(values url.Values, username string) Form {
	f := Form{Look: Look{Title: p.o.Title, Lead: "The identity provider of the demo."}, Hidden: map[string]string{}, Username: username, People: p.o.People()}
	for _, name := range carried {
		f.Hidden[name] = values.Get(name)
	}
	return f
}

// checkPassword answers the form: back to the broker with a code, or the form again.
func (p *Provider) checkPassword(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	username := r.PostForm.Get("username")
	who, ok := Known(p.o.People(), username, r.PostForm.Get("password"))
	if !ok {
		f := p.form(r.PostForm, username)
		f.Problem = "That user name and password do not match."
		f.Write(w, http.StatusUnauthorized)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = request{Nonce: r.PostForm.Get("nonce"), Challenge: r.PostForm.Get("challenge"), person: who, expires: p.o.Now().Add(codeLife)}
	p.mu.Unlock()
	p.redirect(w, r, url.Values{"code": {code}, "state": {r.PostForm.Get("state")}})
}

func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, answer url.Values) {
	answer.Set("iss", p.o.Issuer)
	http.Redirect(w, r, p.o.RedirectURI+"?"+answer.Encode(), http.StatusSeeOther)
}
