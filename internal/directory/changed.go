package directory

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// changedFields names what a sign-in changed of what apps are told of a person: fields
// of the profile by their names in JSON, and "groups" when the names of their groups
// are others. That memberships expired meanwhile, and are told of anew, is no change.
func changedFields(old, now Person, names map[identity.GroupRef]string) []string {
	fields := old.Profile.Changes(now.Profile)
	if !slices.Equal(everNamed(old, names), everNamed(now, names)) {
		fields = append(fields, "groups")
	}
	return fields
}

// Changes names what is another in b, of what apps are told: fields by their names in
// JSON.
func (a Profile) Changes(b Profile) []string {
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"username", a.Username != b.Username},
		{"name", a.Name != b.Name},
		{"given_name", a.GivenName != b.GivenName},
		{"family_name", a.FamilyName != b.FamilyName},
		{"email", a.Email != b.Email || a.EmailVerified != b.EmailVerified},
		{"locale", a.Locale != b.Locale},
		{"picture", a.Picture != b.Picture},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// everNamed are the names of a person's groups, whether or not they still hold.
func everNamed(p Person, names map[identity.GroupRef]string) []string {
	var of []string
	for _, m := range p.Groups {
		if name := names[m.Group]; name != "" {
			of = append(of, name)
		}
	}
	slices.Sort(of)
	return slices.Compact(of)
}
