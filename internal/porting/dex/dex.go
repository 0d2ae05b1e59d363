// Package dex reads the people that Dex knows of from its storage.
//
// Dex has no export, and no table of people: it knows somebody by (connector, user id),
// in the refresh tokens and offline sessions that it keeps of them, in the identities of
// users that later versions keep, and in its local passwords. Read are rows of these, in
// any order, as JSON objects one after the other or in lists, as the tools of its
// storages write them; the guide has the commands:
//
//   - from a database, rows of refresh_token, offline_session, password and user_identity
//     as objects with the names of the columns. No column with a secret is needed;
//   - from Kubernetes, resources of the kinds RefreshToken, OfflineSessions, Password and
//     UserIdentity (dex.coreos.com/v1), or lists of them, as kubectl get -o json has them.
//
// Several rows of one person are one person, known by the first that has more than ids.
// A user id is a subject of the connection that the connector is said to be. A person
// without an id here gets the sub that Dex gave to apps, so that they go on to know them.
// Hashes, tokens and what connectors keep are passed over and never decoded. Groups in a
// refresh token are what a sign-in told, as the next one does here: they are noted.
package dex

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/jsonstream"
)

var (
	// ErrFile refuses what are no rows or resources of Dex's storage.
	ErrFile = fault.New(fault.Invalid, "import_dex", "these are no rows or resources of Dex's storage: the guide says how to get them")
	// ErrRow refuses a row that names nobody.
	ErrRow = fault.New(fault.Invalid, "import_dex_row", "this is not what Dex keeps of somebody: it names a user and a connector, each a text")
)

// The notes.
const (
	noteConnector = "connector_unmapped"
	noteGroup     = "group_of_sign_in"
	noteOther     = "other_resource"
)

// Local is the connector of Dex's own passwords.
const Local = "local"

const (
	// maxField is how many bytes one member of a row has that is looked at.
	maxField = 64 << 10
	// maxPeople is how many people are told apart.
	maxPeople = 2_000_000
)

// The members of rows and resources that are looked at: those of Kubernetes are in camel
// case, columns in snake case.
const (
	kind = iota
	connector
	userID
	name
	login
	email
)

var members = map[string]int{
	"kind":         kind,
	"connector_id": connector, "conn_id": connector, "connectorID": connector, "connID": connector,
	"claims_user_id": userID, "user_id": userID, "userID": userID,
	"claims_username": name, "username": name, "name": name,
	"claims_preferred_username": login, "preferred_username": login, "preferredUsername": login,
	"claims_email": email, "email": email,
}

// row is what is known of a row.
type row struct {
	fields [email + 1]string
	groups []string
	// password says that it has what only a password has.
	password, bad bool
}

// claims are those of a resource.
type claims struct {
	UserID   string   `json:"userID"` //nolint:tagliatelle // Dex's
	Username string   `json:"username"`
	Login    string   `json:"preferredUsername"` //nolint:tagliatelle // Dex's
	Email    string   `json:"email"`
	Groups   []string `json:"groups"`
}

// Source reads rows.
type Source struct {
	o     porting.Options
	in    *jsonstream.Reader
	notes porting.Notes
	// open are the brackets of lists, and of the objects that they are in.
	open []json.Delim
	// seen are the lines of those of whom only ids are known, or told.
	seen map[[2]string]int
	// bare are the former, once all is read.
	bare   [][2]string
	sorted bool
	ready  *porting.Read
	// rest says that the list of an object was read, and the rest of it was not; any that
	// there was something, done that there is nothing more.
	rest, any, done bool
}

var _ porting.Source = (*Source)(nil)

// New returns a Source of rows.
func New(in io.Reader, o porting.Options) *Source {
	return &Source{o: o, in: jsonstream.NewReader(in), seen: map[[2]string]int{}}
}

// Notes implements porting.Source.
func (s *Source) Notes() porting.Notes { return s.notes }

// Next implements porting.Source.
func (s *Source) Next() (porting.Read, error) {
	for s.ready == nil && !s.done {
		if err := s.step(); err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				err = ErrFile
			}
			return porting.Read{}, porting.At(err, s.in.Line())
		}
	}
	if s.ready == nil {
		return porting.Read{}, io.EOF
	}
	next := *s.ready
	s.ready = nil
	return next, nil
}

// step reads on: a row, the bracket of a list, or the rest of an object with a list.
func (s *Source) step() error {
	if len(s.open) > 0 && s.open[len(s.open)-1] == '{' {
		return s.row()
	}
	if !s.in.More() {
		return s.end()
	}
	bracket, err := s.in.Begin()
	switch {
	case err != nil:
		return err
	case bracket == '[' && len(s.open) > 0:
		return ErrFile
	case bracket == '[':
		s.open = append(s.open, '[')
		return nil
	}
	s.open = append(s.open, '{')
	return s.row()
}

// end is behind the last row of a list, or of all.
func (s *Source) end() error {
	if err := s.in.Err(); err != nil {
		return err
	}
	if len(s.open) > 0 {
		s.open = s.open[:len(s.open)-1]
		return s.in.Close(']')
	}
	if !s.any {
		return ErrFile
	}
	s.done = !s.last()
	return nil
}

// row reads the members of an object to its end, or to the list in it.
func (s *Source) row() error {
	var r row
	line := s.in.Line()
	for {
		member, more, err := s.in.Name()
		switch {
		case err != nil:
			return err
		case !more:
			s.open = s.open[:len(s.open)-1]
			return s.take(line, r)
		case member == "items" && len(s.open) == 1 && !s.rest:
			s.open, s.any, s.rest = append(s.open, '['), true, true
			return s.in.Open('[')
		}
		if err := s.member(&r, member); err != nil {
			return err
		}
	}
}

// member reads one member of a row.
func (s *Source) member(r *row, member string) error {
	at, known := members[member]
	r.password = r.password || member == "hash"
	if !known && member != "claims" && member != "claims_groups" {
		return s.in.Skip()
	}
	raw, _, err := s.in.Value(maxField)
	switch {
	case err != nil:
		return err
	case member == "claims_groups":
		r.groups = listOf(raw)
	case known:
		var text *string
		if json.Unmarshal(raw, &text) != nil {
			r.bad = true
		} else if text != nil && r.fields[at] == "" {
			r.fields[at] = *text
		}
	default:
		var c claims
		r.bad = r.bad || json.Unmarshal(raw, &c) != nil
		r.fields[userID], r.fields[name], r.fields[login], r.fields[email], r.groups = c.UserID, c.Username, c.Login, c.Email, c.Groups
	}
	return nil
}

// listOf are the texts of a list, or of the text of one, as databases keep it, in base64
// where they take it for bytes.
func listOf(raw []byte) (list []string) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
			raw = plain
		}
	}
	if json.Unmarshal(raw, &list) != nil {
		return nil // it is only noted
	}
	return list
}

// take makes a person of a row, unless there was one of them. Who is known by ids alone
// waits for the end: a row with more may come.
func (s *Source) take(line int, r row) error {
	s.any = true
	if s.rest && len(s.open) == 0 { // what stands around a list
		s.rest = false
		return nil
	}
	if !r.ofPerson() {
		s.notes.Add(noteOther, r.fields[kind])
		return nil
	}
	who := [2]string{r.connector(), r.fields[userID]}
	if r.bad || who[0] == "" || who[1] == "" {
		s.ready = &porting.Read{Number: line, Fault: ErrRow}
		return nil
	}
	for _, g := range r.groups {
		s.notes.Add(noteGroup, g)
	}
	connection, mapped := s.o.Connections[who[0]]
	bare := r.fields[name]+r.fields[login]+r.fields[email] == ""
	was, known := s.seen[who]
	switch {
	case !mapped:
		s.notes.Add(noteConnector, who[0])
		return nil
	case known && (was == told || bare):
		return nil
	case !known && len(s.seen) >= maxPeople:
		return porting.ErrTooMany
	case bare:
		s.seen[who] = line
		return nil
	}
	s.seen[who] = told
	s.put(line, who, connection, r)
	return nil
}

// ofPerson reports whether a row is about a person, by its kind: the rows of a table have
// none.
func (r row) ofPerson() bool {
	switch r.fields[kind] {
	case "", "RefreshToken", "OfflineSessions", "UserIdentity", "Password":
		return true
	}
	return false
}

// connector is what somebody came over: who has a password, or a row of nothing but an
// address, is one of Dex's own.
func (r row) connector() string {
	if r.fields[connector] == "" && (r.password || r.fields[kind] == "Password" || r.fields[email] != "") {
		return Local
	}
	return r.fields[connector]
}

// told is the line of who was read.
const told = -1

// put has a person read.
func (s *Source) put(line int, who [2]string, connection string, r row) {
	p := porting.Person{
		Kind: porting.KindPerson, ID: Subject(who[1], who[0]), Identities: []porting.Identity{{Connection: connection, Subject: who[1]}},
		Profile: directory.Profile{Name: r.fields[name], Username: r.fields[login], Email: r.fields[email]},
	}
	if !porting.IsID(p.ID) { // too long to be kept
		p.ID = ""
	}
	read := porting.Read{Number: line, Line: p}
	if err := p.Check(); err != nil {
		read.Fault = fault.As(err)
	}
	s.ready = &read
}

// last has those read of whom nothing but ids is known, one at a time.
func (s *Source) last() bool {
	if !s.sorted {
		s.sorted = true
		for who, line := range s.seen {
			if line != told {
				s.bare = append(s.bare, who)
			}
		}
		slices.SortFunc(s.bare, func(a, b [2]string) int { return s.seen[a] - s.seen[b] })
	}
	if len(s.bare) == 0 {
		return false
	}
	who := s.bare[0]
	s.bare = s.bare[1:]
	s.put(s.seen[who], who, s.o.Connections[who[0]], row{})
	return true
}

// Subject is the sub that Dex gives to apps: its user id and connector as a protocol
// buffer, in base64.
func Subject(user, connector string) string {
	var raw []byte
	for n, text := range []string{user, connector} {
		raw = append(raw, byte(n+1)<<3|2) // a field that is text
		raw = binary.AppendUvarint(raw, uint64(len(text)))
		raw = append(raw, text...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
