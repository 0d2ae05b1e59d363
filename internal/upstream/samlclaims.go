package upstream

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml"
)

// common are attributes that identity providers use for claims of OpenID Connect: by
// plain names, the claims of Microsoft, and the object identifiers of X.500 and eduPerson.
var common = map[string][]string{
	"email": {
		"email", "mail", "emailAddress", "urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
	},
	"given_name": {
		"given_name", "givenName", "firstName", "urn:oid:2.5.4.42", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
	},
	"family_name": {
		"family_name", "sn", "surname", "lastName", "urn:oid:2.5.4.4", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
	},
	"name": {
		"name", "displayName", "cn", "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3", "http://schemas.microsoft.com/identity/claims/displayname",
	},
	"preferred_username": {
		"preferred_username", "uid", "username", "urn:oid:0.9.2342.19200300.100.1.1", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
	},
	"department": {"department", "departmentNumber", "urn:oid:2.16.840.1.113730.3.1.2"},
	"locale":     {"locale", "preferredLanguage", "urn:oid:2.16.840.1.113730.3.1.39"},
	"groups": {
		"groups", "memberOf", "group", "Group", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "http://schemas.xmlsoap.org/claims/Group",
		"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
	},
}

// claims are the attributes as claim rules see them: each by its own name, a text or
// a list of them, and below it those claims of OpenID Connect that the connection or
// custom says where to take from.
func (s *SAML) claims(said saml.Assertion) map[string]any {
	claims := map[string]any{}
	for _, a := range said.Attributes {
		claims[a.Name] = value(trimmed(a.Values))
	}
	from := maps.Clone(common)
	maps.Copy(from, s.o.Attributes)
	for _, claim := range slices.Sorted(maps.Keys(from)) {
		delete(claims, claim)
		for _, name := range from[claim] {
			v := values(said.Attributes, name)
			switch {
			case len(v) == 0:
				continue
			case claim == "groups":
				claims[claim] = list(trimmed(v))
			case claim == "email": // counts as verified as it stands alone
				claims[claim] = value(v)
			default:
				claims[claim] = value(trimmed(v))
			}
			break
		}
	}
	if claims["email"] == nil && said.NameID.Format == saml.Email {
		claims["email"] = said.NameID.Name
	}
	// SAML has no such claim: an address counts as verified in the domains that the
	// connection has proved, and only there, unless the provider says otherwise.
	if _, told := claims["email_verified"]; !told {
		claims["email_verified"] = true
	}
	claims["name_id"], claims["name_id_format"] = said.NameID.Name, said.NameID.Format
	return claims
}

// values are those of the attribute with this name, or friendly name.
func values(all []saml.Attribute, name string) []string {
	for _, named := range []func(saml.Attribute) string{
		func(a saml.Attribute) string { return a.Name }, func(a saml.Attribute) string { return a.FriendlyName },
	} {
		if i := slices.IndexFunc(all, func(a saml.Attribute) bool { return named(a) == name }); i >= 0 && len(all[i].Values) > 0 {
			return all[i].Values
		}
	}
	return nil
}

// trimmed are values without the white space of a document that was indented.
func trimmed(v []string) []string {
	all := make([]string, len(v))
	for i, text := range v {
		all[i] = strings.TrimSpace(text)
	}
	return all
}

// value is a text, or a list where there is not one.
func value(v []string) any {
	if len(v) == 1 {
		return v[0]
	}
	return list(v)
}

func list(v []string) []any {
	all := make([]any, len(v))
	for i, text := range v {
		all[i] = text
	}
	return all
}
