package claims

import (
	"reflect"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
)

// listType is what a rule for groups yields.
var listType = reflect.TypeFor[[]any]()

// ForScopes returns the claims that the scopes give an app about a person (OpenID
// Connect Core, section 5.4, and groups), without sub. Empty values are left out.
func ForScopes(p directory.Person, d entitlement.Decision, scopes []string) map[string]any {
	all := map[string]any{}
	add := func(name, value string) {
		if value != "" {
			all[name] = value
		}
	}
	for _, scope := range scopes {
		switch scope {
		case "profile":
			add("name", p.Profile.Name)
			add("given_name", p.Profile.GivenName)
			add("family_name", p.Profile.FamilyName)
			add("preferred_username", p.Profile.Username)
			add("picture", p.Profile.Picture)
			add("locale", p.Profile.Locale)
			all["updated_at"] = p.Updated.Unix()
		case "email":
			add("email", p.Profile.Email)
			if p.Profile.Email != "" {
				all["email_verified"] = p.Profile.EmailVerified
			}
		case "groups":
			all["groups"] = append([]string{}, d.Groups...)
			all["roles"] = append([]string{}, d.Roles...)
		}
	}
	return all
}
