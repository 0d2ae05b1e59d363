package staff

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// usernames are what people can be called; longest bounds what else is typed, in bytes.
var usernames = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,30}$`)

const longest = 100

// NewPassword makes a password for somebody, short enough to type from a terminal.
func NewPassword(username string) string {
	return username + "-" + strings.ToLower(rand.Text()[:6])
}

// NewSubject makes what an identity provider calls somebody for good.
func NewSubject(prefix string) string { return prefix + strings.ToLower(rand.Text()[:12]) }

// filled is what was filled in, without who it is about.
func filled(r *http.Request) idp.Person {
	one := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return idp.Person{Title: one("title"), Department: one("department"), Manager: one("manager"), Groups: slices.Compact(slices.Sorted(slices.Values(r.PostForm["groups"])))}
}

// wrong says what cannot be so about somebody, empty for nothing.
func (s *Site) wrong(who idp.Person) string {
	for name, text := range map[string]string{"job title": who.Title, "department": who.Department, "name": who.Name} {
		if len(text) > longest {
			return fmt.Sprintf("The %s has more than %d bytes.", name, longest)
		}
	}
	for _, g := range who.Groups {
		if !slices.Contains(s.o.Groups, g) {
			return "There is no group " + g + "."
		}
	}
	if who.Manager == "" {
		return ""
	}
	if boss, ok := s.o.Roster.Person(who.Manager); !ok || boss.Left || boss.Username == who.Username {
		return "The manager has to be somebody else who works here."
	}
	return ""
}

// hire takes somebody in who can sign in at once. Who worked here before comes back as who
// they were.
func (s *Site) hire(w http.ResponseWriter, r *http.Request) {
	who := filled(r)
	who.Username, who.Name = strings.ToLower(strings.TrimSpace(r.PostFormValue("username"))), strings.Join(strings.Fields(r.PostFormValue("name")), " ")
	before, known := s.o.Roster.Person(who.Username)
	problem := s.wrong(who)
	switch {
	case !usernames.MatchString(who.Username):
		problem = "A user name begins with a letter and has up to 31 letters, digits, dots and dashes."
	case who.Name == "":
		problem = "Everybody has a name."
	case known && !before.Left:
		problem = before.Name + " works here as " + before.Username + "."
	}
	if problem != "" {
		s.render(w, http.StatusBadRequest, "people", view{Problem: problem, Who: who})
		return
	}
	who.Email, who.Password, who.Subject = who.Username+"@"+s.o.Domain, NewPassword(who.Username), NewSubject("acme-")
	says := who.Name + " works here now, and can sign in as " + who.Username + "."
	take := s.o.Roster.add
	if known {
		who.Subject, who.Record, says = before.Subject, before.Record, who.Name+" is back, and can sign in as "+who.Username+"."
		take = s.o.Roster.replaceOne
	}
	s.done(w, r, who.Username, result{Says: says, Password: who.Password}, take(who))
}

// move gives somebody another place: title, department, manager and groups.
func (s *Site) move(w http.ResponseWriter, r *http.Request) {
	who, ok := s.o.Roster.Person(r.PathValue("username"))
	if !ok {
		s.unknown(w)
		return
	}
	next := filled(r)
	next.Username = who.Username
	problem := s.wrong(next)
	if who.Left {
		problem = who.Name + " does not work here any more."
	}
	if problem != "" {
		who.Title, who.Department, who.Manager, who.Groups = next.Title, next.Department, next.Manager, next.Groups
		s.render(w, http.StatusBadRequest, "person", view{Problem: problem, Who: who})
		return
	}
	_, err := s.o.Roster.change(who.Username, func(p *idp.Person) {
		p.Title, p.Department, p.Manager, p.Groups = next.Title, next.Department, next.Manager, next.Groups
	})
	s.done(w, r, who.Username, result{Says: who.Name + " has another place."}, err)
}

// fire lets somebody go: they cannot sign in here any more, and the broker is told that
// they are not active.
func (s *Site) fire(w http.ResponseWriter, r *http.Request) {
	who, ok := s.o.Roster.Person(r.PathValue("username"))
	switch {
	case !ok:
		s.unknown(w)
		return
	case who.Username == s.o.HR:
		s.render(w, http.StatusBadRequest, "person", view{Problem: "Nobody fires themselves.", Who: who})
		return
	}
	_, err := s.o.Roster.change(who.Username, func(p *idp.Person) { p.Left = true })
	s.done(w, r, who.Username, result{Says: who.Name + " does not work here any more."}, err)
}

// done tells the broker of a change and leads to the page that shows what came of it.
func (s *Site) done(w http.ResponseWriter, r *http.Request, username string, res result, err error) {
	if err != nil {
		idp.Notice{Look: s.look(), Heading: "Not done", Problem: "It could not be kept: " + err.Error()}.Write(w, http.StatusInternalServerError)
		return
	}
	res = s.push(r.Context(), res)
	http.Redirect(w, r, "/people/"+url.PathEscape(username)+"?"+url.Values{"result": {res.ID}}.Encode(), http.StatusSeeOther)
}
