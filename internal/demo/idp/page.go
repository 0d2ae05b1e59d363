package idp

import (
	"crypto/subtle"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed form.html
var formHTML string

var pages = template.Must(template.New("pages").Parse(formHTML))

// Look is what the pages of an identity provider have in common. Warm is another
// colour, by which two are told apart.
type Look struct {
	Title, Lead string
	Warm        bool
}

// Form asks for a user name and a password.
type Form struct {
	Look
	// Action is where it is posted, and Hidden what it carries there.
	Action            string
	Hidden            map[string]string
	Username, Problem string
	// People may sign in.
	People []Person
}

// Heading is what the browser's tab says first.
func (Form) Heading() string { return "Sign in" }

// Write answers with the form.
func (f Form) Write(w http.ResponseWriter, status int) { write(w, status, "form", f) }

// Notice says something, and offers what is posted to Action.
type Notice struct {
	Look
	Heading, Problem, Says string
	Button, Action         string
}

// Write answers with the notice.
func (n Notice) Write(w http.ResponseWriter, status int) { write(w, status, "notice", n) }

func write(w http.ResponseWriter, status int, name string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // the peer has gone: nobody is left to tell
}

// Known returns who works here and has the user name, or the e-mail address, and the
// password.
func Known(people []Person, username, password string) (Person, bool) {
	for _, who := range people {
		if who.Username == username || who.Email == username {
			return who, !who.Left && subtle.ConstantTimeCompare([]byte(who.Password), []byte(password)) == 1
		}
	}
	return Person{}, false
}
