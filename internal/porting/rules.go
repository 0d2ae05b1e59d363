package porting

import (
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Check refuses a person whom nobody could be, whatever the directory has.
func (p Person) Check() error {
	if p.ID != "" && !IsID(p.ID) {
		return ErrID
	}
	if len(p.Identities) > MaxIdentities {
		return ErrSubject.At("/identities")
	}
	for i, id := range p.Identities {
		at := "/identities/" + strconv.Itoa(i)
		switch {
		case id.Connection == "":
			return ErrMissing.At(at + "/connection")
		case id.Subject == "" || !Plain(id.Subject, maxSubject):
			return ErrSubject.At(at + "/subject")
		}
	}
	for name, text := range map[string]string{
		"username": p.Profile.Username, "name": p.Profile.Name, "given_name": p.Profile.GivenName, "family_name": p.Profile.FamilyName,
		"email": p.Profile.Email, "locale": p.Profile.Locale, "picture": p.Profile.Picture, "department": p.Profile.Department,
	} {
		if !Plain(text, maxText) {
			return ErrText.At("/profile/" + name)
		}
	}
	return nil
}

// Check refuses a user that cannot be named.
func (u User) Check() error { return named(u.Connection, u.ID) }

// Check refuses a group that cannot be named.
func (g Group) Check() error { return named(g.Connection, g.ID) }

func named(connection, id string) error {
	switch {
	case connection == "":
		return ErrMissing.At("/connection")
	case id == "" || !Plain(id, maxText):
		return ErrText.At("/id")
	}
	return nil
}

// Check refuses a membership that does not say of whom in what.
func (m Membership) Check() error {
	switch {
	case m.Connection == "":
		return ErrMissing.At("/connection")
	case m.Group == "":
		return ErrMissing.At("/group")
	case (m.User == "") == (m.Subgroup == ""):
		return ErrMissing.At("/user")
	case m.Subgroup == m.Group:
		return ErrNesting
	}
	return nil
}

// Check refuses a mapping of nothing.
func (m Mapping) Check() error {
	switch {
	case m.Connection == "":
		return ErrMissing.At("/connection")
	case m.Group == "" || !Plain(m.Group, maxSubject):
		return ErrText.At("/group")
	}
	return nil
}

// ref is the group that the mapping is of.
func (m Mapping) ref() identity.GroupRef {
	return identity.GroupRef{Connection: m.Connection, ID: m.Group}
}

// ParseConnections reads which connections the aliases of a foreign file are: ALIAS=ID,
// several with commas between them. It fails with ErrMapping.
func ParseConnections(text string) (map[string]string, error) {
	all := map[string]string{}
	if text == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		alias, id, ok := strings.Cut(strings.TrimSpace(one), "=")
		if _, twice := all[alias]; !ok || twice || alias == "" || id == "" {
			return nil, ErrMapping
		}
		all[alias] = id
	}
	return all, nil
}
