package partner

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// sessionLife is how long somebody stays signed in, cookieName what their browser keeps.
const (
	sessionLife = 8 * time.Hour
	cookieName  = "partner-corp"
)

// signedIn is somebody who gave their password.
type signedIn struct {
	person idp.Person
	index  string // what the broker was told for the session
	since  time.Time
}

func (p *Provider) look() idp.Look {
	return idp.Look{Title: p.o.Title, Lead: "A partner of Acme, whose people come over SAML.", Warm: true}
}

// begin signs somebody in.
func (p *Provider) begin(w http.ResponseWriter, who idp.Person) signedIn {
	s, secret := signedIn{person: who, index: "_" + rand.Text(), since: p.o.Now()}, rand.Text()
	p.mu.Lock()
	p.sessions[secret] = s
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // G124: loopback has no TLS, for which Secure would be
	return s
}

// current returns who is signed in at the browser.
func (p *Provider) current(r *http.Request) (signedIn, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return signedIn{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.sessions[c.Value]
	return s, ok && p.o.Now().Before(s.since.Add(sessionLife))
}

// end ends every session with this index, or of this subject where that is empty.
func (p *Provider) end(subject, index string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for secret, s := range p.sessions {
		if s.person.Subject == subject && (index == "" || s.index == index) {
			delete(p.sessions, secret)
		}
	}
}

// home says who is signed in.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	n := idp.Notice{Look: p.look(), Heading: "Welcome", Says: "Nobody is signed in here."}
	if s, ok := p.current(r); ok {
		n.Says, n.Button, n.Action = "You are signed in as "+s.person.Email+".", "Sign out everywhere", "/sign-out"
	}
	n.Write(w, http.StatusOK)
}

// says answers with a notice.
func (p *Provider) says(w http.ResponseWriter, status int, text, problem string) {
	idp.Notice{Look: p.look(), Heading: "Sign out", Says: text, Problem: problem}.Write(w, status)
}
