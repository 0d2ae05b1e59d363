package idp

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"
)

// The formats of attribute names (core, section 8.2).
const (
	formatBasic = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
	formatURI   = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
)

// attributes turns claims into attributes, under the names that the app wants. A
// claim that lists things is an attribute with several values.
func attributes(claims map[string]any, names map[string]string) []samllib.Attribute {
	var all []samllib.Attribute
	for _, claim := range slices.Sorted(maps.Keys(claims)) {
		values := texts(claim, claims[claim])
		if len(values) == 0 {
			continue
		}
		a := samllib.Attribute{Name: cmp.Or(names[claim], claim), NameFormat: formatBasic}
		if a.Name != claim {
			a.FriendlyName = claim
		}
		if strings.HasPrefix(a.Name, "urn:") || strings.Contains(a.Name, "://") {
			a.NameFormat = formatURI
		}
		for _, v := range values {
			a.Values = append(a.Values, samllib.AttributeValue{Type: "xs:string", Value: v})
		}
		all = append(all, a)
	}
	return all
}

// texts are the values of a claim as text.
func texts(claim string, value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case bool:
		return []string{strconv.FormatBool(v)}
	case int64: // seconds since 1970: documents write times out
		if claim == "updated_at" {
			return []string{time.Unix(v, 0).UTC().Format(time.RFC3339)}
		}
		return []string{strconv.FormatInt(v, 10)}
	}
	return nil
}
