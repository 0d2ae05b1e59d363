package record

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// Enterprise is the URN of the enterprise extension of users (RFC 7643, section 4.3).
const Enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// Profile is what a person's profile is made of from their record: userName; name, of
// which formatted counts, or else displayName; the address of emails that is primary,
// or else of type work, or else the first; locale or else preferredLanguage; and the
// enterprise extension's department. An address is verified if its domain is one that
// the connection has proved. A sign-in over the connection replaces all of it with what
// its claim rules make.
func (u User) Profile(domains []string) directory.Profile {
	name, _ := u.Attributes["name"].(map[string]any)
	enterprise, _ := u.Attributes[Enterprise].(map[string]any)
	p := directory.Profile{
		Username: directory.Clean(u.UserName), GivenName: text(name, "givenName"), FamilyName: text(name, "familyName"), Email: u.email(),
		Department: text(enterprise, "department"), Name: cmp.Or(text(name, "formatted"), text(u.Attributes, "displayName")),
		Locale: cmp.Or(text(u.Attributes, "locale"), text(u.Attributes, "preferredLanguage")),
	}
	if p.Name == "" {
		p.Name = strings.TrimSpace(p.GivenName + " " + p.FamilyName)
	}
	_, domain, ok := strings.Cut(p.Email, "@")
	p.EmailVerified = ok && !strings.Contains(domain, "@") && slices.Contains(domains, strings.ToLower(domain))
	return p
}

// email is the address that counts.
func (u User) email() string {
	list, _ := u.Attributes["emails"].([]any)
	best, rank := "", 0
	for _, one := range list {
		e, _ := one.(map[string]any)
		value, points := text(e, "value"), 1
		if text(e, "type") == "work" {
			points = 2
		}
		if e["primary"] == true {
			points = 3
		}
		if value != "" && points > rank {
			best, rank = value, points
		}
	}
	return best
}

// Manager is the id, or what the client gave for it, of the user's manager in the
// enterprise extension, and the name that came with it.
func (u User) Manager() (id, name string) {
	enterprise, _ := u.Attributes[Enterprise].(map[string]any)
	manager, _ := enterprise["manager"].(map[string]any)
	return text(manager, "value"), text(manager, "displayName")
}

func text(of map[string]any, name string) string {
	s, _ := of[name].(string)
	return directory.Clean(s)
}
