// Package keycloak reads what kc.sh export of Keycloak writes of a realm: one file, or
// the realm's file and those of its users one after the other.
//
// Of a realm are taken: users, whether they are enabled, their names, address, locale
// and department, their federated identities as subjects of the connections that their
// aliases are said to be, the tree of groups and who is in which. Nothing else is: no
// credential is so much as decoded, and roles, attributes, required actions,
// clients and service accounts are told of as notes.
//
// A user's sub at Keycloak is their id, which they keep here unless they have one: apps
// go on to know them. A user without a subject could not sign in: they are left out, and
// told of, unless Options.Subjects names the connection over which Keycloak itself is
// the identity provider.
package keycloak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/jsonstream"
)

// ErrFile refuses what is no export of a realm.
var ErrFile = fault.New(fault.Invalid, "import_keycloak", "this is no export of a realm by Keycloak: an object with users, which kc.sh export writes unless it is told --users skip")

// ErrUser refuses a user of whom something is not what Keycloak writes.
var ErrUser = fault.New(fault.Invalid, "import_keycloak_user", "this is not what Keycloak writes of a user")

// The limits of an export.
const (
	maxDepth = 32
	maxUser  = porting.MaxLine
	// maxTree is how many bytes the groups have, maxGroups how many there are.
	maxTree   = 64 << 20
	maxGroups = 200_000
	// maxWaiting is how many memberships stand before the groups that they are of.
	maxWaiting = 1_000_000
)

// The notes.
const (
	noteAlias     = "identity_provider_unmapped"
	noteNobody    = "user_without_subject"
	noteService   = "service_account"
	noteRealmRole = "realm_role"
	noteClient    = "client_role"
	noteGroupRole = "group_role"
	noteAttribute = "attribute"
	noteAction    = "required_action"
	noteGroups    = "groups_left_out"
	noteMembers   = "memberships_left_out"
	noteMember    = "membership_unknown_group"
)

// user is what is read of a UserRepresentation. Members that are not here, such as
// credentials, are passed over by the decoder.
type user struct {
	ID            string              `json:"id"`
	Username      string              `json:"username"`
	FirstName     string              `json:"firstName"` //nolint:tagliatelle // Keycloak's
	LastName      string              `json:"lastName"`  //nolint:tagliatelle // Keycloak's
	Email         string              `json:"email"`
	Enabled       *bool               `json:"enabled"`
	Created       int64               `json:"createdTimestamp"` //nolint:tagliatelle // Keycloak's, in milliseconds
	Attributes    map[string][]string `json:"attributes"`
	Identities    []identity          `json:"federatedIdentities"` //nolint:tagliatelle // Keycloak's
	Groups        []string            `json:"groups"`
	RealmRoles    []string            `json:"realmRoles"`             //nolint:tagliatelle // Keycloak's
	ClientRoles   map[string][]string `json:"clientRoles"`            //nolint:tagliatelle // Keycloak's
	Actions       []string            `json:"requiredActions"`        //nolint:tagliatelle // Keycloak's
	ServiceClient string              `json:"serviceAccountClientId"` //nolint:tagliatelle // Keycloak's
}

type identity struct {
	Provider string `json:"identityProvider"` //nolint:tagliatelle // Keycloak's
	UserID   string `json:"userId"`           //nolint:tagliatelle // Keycloak's
}

// group is what is read of a GroupRepresentation.
type group struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Path        string              `json:"path"`
	RealmRoles  []string            `json:"realmRoles"`  //nolint:tagliatelle // Keycloak's
	ClientRoles map[string][]string `json:"clientRoles"` //nolint:tagliatelle // Keycloak's
	Subgroups   []group             `json:"subGroups"`   //nolint:tagliatelle // Keycloak's
}

// Source reads one file.
type Source struct {
	o     porting.Options
	in    *jsonstream.Reader
	notes porting.Notes
	// queue are lines that were made and not read yet.
	queue []porting.Read
	// paths are the groups by what users call them, waiting the users' groups until they
	// are known: a file may have them in any order.
	paths   map[string]string
	groups  int
	waiting []waiting
	// list is the list that is being read, in an object that is open; any says that there
	// were users, ended that there is nothing more.
	list             string
	open, any, ended bool
}

// waiting is a membership of which the group is not known yet.
type waiting struct {
	line       int
	user, path string
}

var _ porting.Source = (*Source)(nil)

// New returns a Source of an export of a realm.
func New(in io.Reader, o porting.Options) *Source {
	return &Source{o: o, in: jsonstream.NewReader(in), paths: map[string]string{}}
}

// Notes implements porting.Source.
func (s *Source) Notes() porting.Notes { return s.notes }

// Next implements porting.Source.
func (s *Source) Next() (porting.Read, error) {
	for len(s.queue) == 0 {
		if s.ended {
			return porting.Read{}, io.EOF
		}
		if err := s.step(); err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				err = ErrFile
			}
			return porting.Read{}, porting.At(err, s.in.Line())
		}
	}
	next := s.queue[0]
	s.queue = s.queue[1:]
	return next, nil
}

// step reads on: a user, all groups, or another member of the realm, which is passed over.
func (s *Source) step() error {
	if !s.open {
		s.open = true
		return s.in.Open('{')
	}
	switch s.list {
	case "users":
		return s.user()
	case "groups":
		return s.group()
	}
	name, more, err := s.in.Name()
	switch {
	case err != nil:
		return err
	case !more:
		return s.end()
	case name == "users", name == "groups":
		s.list, s.any = name, s.any || name == "users"
		return s.in.Open('[')
	default:
		return s.in.Skip()
	}
}

// end is behind an object: another may follow.
func (s *Source) end() error {
	s.open = false
	if s.in.More() {
		return nil
	}
	if err := s.in.Err(); err != nil {
		return err
	}
	s.ended = true
	if !s.any {
		return ErrFile
	}
	for _, w := range s.waiting {
		s.join(w)
	}
	s.waiting = nil
	return nil
}

// user reads the next user, or the end of their list.
func (s *Source) user() error {
	if !s.in.More() {
		s.list = ""
		return s.in.Close(']')
	}
	raw, line, err := s.in.Value(maxUser)
	if err != nil {
		return err
	}
	var u user
	if err := json.Unmarshal(raw, &u); err != nil {
		f := ErrUser
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			f = f.At("/" + strings.ReplaceAll(wrong.Field, ".", "/"))
		}
		s.queue = append(s.queue, porting.Read{Number: line, Fault: f})
		return nil
	}
	s.note(u)
	p := s.person(u)
	switch {
	case u.ServiceClient != "":
		s.notes.Add(noteService, u.ServiceClient)
		return nil
	case len(p.Identities) == 0:
		s.notes.Add(noteNobody, u.Username)
		return nil
	}
	s.put(line, p)
	if s.o.Groups == "" {
		if len(u.Groups) > 0 {
			s.notes.Add(noteMembers, "")
		}
		return nil
	}
	s.put(line, record(s.o.Groups, u))
	for _, path := range u.Groups {
		w := waiting{line, u.ID, path}
		if _, known := s.paths[path]; known {
			s.join(w)
		} else if s.waiting = append(s.waiting, w); len(s.waiting) > maxWaiting {
			return porting.ErrTooMany
		}
	}
	return nil
}

// put queues a line, or what is wrong with it.
func (s *Source) put(line int, l porting.Line) {
	r := porting.Read{Number: line, Line: l}
	if c, ok := l.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			r.Fault = fault.As(err)
		}
	}
	s.queue = append(s.queue, r)
}

// person is who a user is here.
func (s *Source) person(u user) porting.Person {
	p := porting.Person{
		Kind: porting.KindPerson, ID: u.ID, Disabled: u.Enabled != nil && !*u.Enabled,
		Profile: directory.Profile{
			Username: u.Username, Name: strings.TrimSpace(u.FirstName + " " + u.LastName), GivenName: u.FirstName, FamilyName: u.LastName, Email: u.Email,
			Locale: one(u.Attributes["locale"]), Department: one(u.Attributes["department"]),
		},
	}
	if u.Created > 0 {
		p.Created = time.UnixMilli(u.Created).UTC()
	}
	for _, i := range u.Identities {
		if connection, ok := s.o.Connections[i.Provider]; ok {
			p.Identities = append(p.Identities, porting.Identity{Connection: connection, Subject: i.UserID})
		} else {
			s.notes.Add(noteAlias, i.Provider)
		}
	}
	if s.o.Subjects != "" && u.ServiceClient == "" {
		p.Identities = append(p.Identities, porting.Identity{Connection: s.o.Subjects, Subject: u.ID})
	}
	return p
}

// record is what the connection that keeps the groups has of a user.
func record(connection string, u user) porting.User {
	attributes := map[string]any{}
	if u.FirstName+u.LastName != "" {
		attributes["name"] = map[string]any{"givenName": u.FirstName, "familyName": u.LastName, "formatted": strings.TrimSpace(u.FirstName + " " + u.LastName)}
	}
	if u.Email != "" {
		attributes["emails"] = []any{map[string]any{"value": u.Email, "primary": true}}
	}
	return porting.User{
		Kind: porting.KindUser, Connection: connection, ID: u.ID, Person: u.ID, ExternalID: u.ID, UserName: u.Username, Inactive: u.Enabled != nil && !*u.Enabled, Attributes: attributes,
	}
}

// note tells of what of a user is not taken.
func (s *Source) note(u user) {
	for _, r := range u.RealmRoles {
		s.notes.Add(noteRealmRole, r)
	}
	for client, all := range u.ClientRoles {
		for _, r := range all {
			s.notes.Add(noteClient, client+" "+r)
		}
	}
	for _, a := range u.Actions {
		s.notes.Add(noteAction, a)
	}
	for name := range u.Attributes {
		if name != "locale" && name != "department" {
			s.notes.Add(noteAttribute, name)
		}
	}
}

// group reads the next group and those within it, or the end of their list.
func (s *Source) group() error {
	if !s.in.More() {
		s.list = ""
		return s.in.Close(']')
	}
	raw, line, err := s.in.Value(maxTree)
	if err != nil {
		return err
	}
	var g group
	if err := json.Unmarshal(raw, &g); err != nil {
		return fmt.Errorf("read a group: %w", err)
	}
	return s.tree([]group{g}, line, "", "", 1)
}

// tree makes lines of groups and of those within them.
func (s *Source) tree(all []group, line int, path, within string, depth int) error {
	if depth > maxDepth {
		return ErrFile
	}
	for _, g := range all {
		if s.groups++; s.groups > maxGroups {
			return porting.ErrTooMany
		}
		for _, r := range g.RealmRoles {
			s.notes.Add(noteGroupRole, r)
		}
		for client, roles := range g.ClientRoles {
			for _, r := range roles {
				s.notes.Add(noteGroupRole, client+" "+r)
			}
		}
		at := path + "/" + g.Name
		s.name(at, g.ID)
		s.name(path+"/"+strings.ReplaceAll(g.Name, "/", "~/"), g.ID)
		if s.o.Groups == "" {
			s.notes.Add(noteGroups, at)
		} else {
			s.put(line, porting.Group{Kind: porting.KindGroup, Connection: s.o.Groups, ID: g.ID, ExternalID: g.ID, DisplayName: at})
			if within != "" {
				s.put(line, porting.Membership{Kind: porting.KindMembership, Connection: s.o.Groups, Group: within, Subgroup: g.ID})
			}
		}
		if err := s.tree(g.Subgroups, line, at, g.ID, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// ambiguous is the group of a path that two have.
const ambiguous = "\x00"

// name notes what users call a group.
func (s *Source) name(path, id string) {
	if was, ok := s.paths[path]; ok && was != id {
		id = ambiguous
	}
	s.paths[path] = id
}

// join makes a user a member.
func (s *Source) join(w waiting) {
	id, ok := s.paths[w.path]
	if !ok || id == ambiguous {
		s.notes.Add(noteMember, w.path)
		return
	}
	s.put(w.line, porting.Membership{Kind: porting.KindMembership, Connection: s.o.Groups, Group: id, User: w.user})
}

func one(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}
