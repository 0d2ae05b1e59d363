package idp

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed form.html
var formHTML string

// formPage asks for a user name and a password.
var formPage = template.Must(template.New("form").Parse(formHTML))

type formData struct {
	Title, State, Nonce, Challenge, Username, Problem string
	People                                            []Person
}

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
	p.render(w, http.StatusOK, formData{
		State: q.Get("state"), Nonce: q.Get("nonce"), Challenge: q.Get("code_challenge"), Username: q.Get("login_hint"),
	})
}

// checkPassword answers the form: back to the broker with a code, or the form again.
func (p *Provider) checkPassword(w http.ResponseWriter, r *http.Request) {
	data := formData{
		State: r.PostFormValue("state"), Nonce: r.PostFormValue("nonce"),
		Challenge: r.PostFormValue("challenge"), Username: r.PostFormValue("username"),
	}
	who, ok := p.person(data.Username, r.PostFormValue("password"))
	if !ok {
		data.Problem = "That user name and password do not match."
		p.render(w, http.StatusUnauthorized, data)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = request{Nonce: data.Nonce, Challenge: data.Challenge, person: who, expires: p.o.Now().Add(codeLife)}
	p.mu.Unlock()
	p.redirect(w, r, url.Values{"code": {code}, "state": {data.State}})
}

func (p *Provider) person(username, password string) (Person, bool) {
	for _, who := range p.o.People {
		if who.Username == username || who.Email == username {
			return who, subtle.ConstantTimeCompare([]byte(who.Password), []byte(password)) == 1
		}
	}
	return Person{}, false
}

func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, answer url.Values) {
	answer.Set("iss", p.o.Issuer)
	http.Redirect(w, r, p.o.RedirectURI+"?"+answer.Encode(), http.StatusSeeOther)
}

func (p *Provider) render(w http.ResponseWriter, status int, data formData) {
	data.Title, data.People = p.o.Title, p.o.People
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = formPage.Execute(w, data) // the peer has gone: nobody is left to tell
}
