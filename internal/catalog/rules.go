package catalog

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	label   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$`)
	semver  = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)
	address = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

const labelRule = "must be 2 to 63 lower-case letters, digits and hyphens, with neither a first nor a last hyphen"

// maxItems bounds every list of a manifest.
const maxItems = 200

// manifest checks the rules of the whole document.
func (c *checker) manifest(m *Manifest) {
	if m.APIVersion != APIVersion {
		c.fail("apiVersion", "must be %s", APIVersion)
	}
	if m.Kind != Kind {
		c.fail("kind", "must be %s", Kind)
	}
	if !label.MatchString(m.Metadata.Name) {
		c.fail("metadata.name", labelRule)
	}
	c.text("metadata.title", m.Metadata.Title, 2, 80)
	c.text("metadata.description", m.Metadata.Description, 10, 500)
	if m.Spec.Version != "" && !semver.MatchString(m.Spec.Version) || m.Spec.Version == "" && c.doc.Has("spec.version") {
		c.fail("spec.version", "must be a version such as 1.4.0 (semver)")
	}
	c.owner(&m.Spec.Owner)
	c.entitlements(m.Spec.Entitlements)
	c.identity(&m.Spec.Identity)
}

// text checks that a value is shown as it is written: printable, of fair length,
// and without characters that reorder what a person reads.
func (c *checker) text(path, text string, least, most int) {
	switch n := utf8.RuneCountInString(text); {
	case n < least || n > most:
		c.fail(path, "must have %d to %d characters", least, most)
	case strings.ContainsFunc(text, invisible):
		c.fail(path, "must not contain control or invisible characters")
	case strings.TrimSpace(text) != text:
		c.fail(path, "must not begin or end with a space")
	}
}

// invisible reports control and format characters, but for the joiner that some
// scripts and emoji are written with.
func invisible(r rune) bool {
	return r == utf8.RuneError || unicode.Is(unicode.C, r) && r != '\u200d' || r == '\u2028' || r == '\u2029'
}

func (c *checker) owner(o *Owner) {
	if !c.doc.Has("spec.owner") {
		return // then the app is incomplete
	}
	if !label.MatchString(o.Team) {
		c.fail("spec.owner.team", labelRule)
	}
	c.address("spec.owner.primary", o.Primary)
	if o.Secondary != "" || c.doc.Has("spec.owner.secondary") {
		c.address("spec.owner.secondary", o.Secondary)
	}
	for _, kind := range sortedKeys(o.Contacts) {
		switch path, value := "spec.owner.contacts."+kind, o.Contacts[kind]; kind {
		case "chat", "pager":
			c.text(path, value, 1, 500)
		case "email":
			c.address(path, value)
		default:
			c.fail(path, "unknown field: contacts are chat, email and pager")
		}
	}
}

func (c *checker) address(path, text string) {
	if !IsAddress(text) {
		c.fail(path, "must be an e-mail address")
	}
}

// IsAddress reports whether a text is an e-mail address as manifests have it.
func IsAddress(text string) bool {
	return address.MatchString(text) && len(text) <= 254 && !strings.ContainsFunc(text, invisible)
}

func (c *checker) entitlements(list []Entitlement) {
	const path = "spec.entitlements"
	if len(list) == 0 && c.doc.Has(path) || len(list) > maxItems {
		c.fail(path, "must have 1 to %d items", maxItems)
	}
	names := make([]string, len(list))
	for i, e := range list {
		at := index(path, i)
		names[i] = e.Name
		if !label.MatchString(e.Name) {
			c.fail(at+".name", labelRule)
		} else if slices.Contains(names[:i], e.Name) {
			c.fail(at+".name", "is the name of another entitlement")
		}
		c.text(at+".description", e.Description, 1, 500)
		if len(e.Groups) > maxItems {
			c.fail(at+".groups", "must have at most %d items", maxItems)
		}
		for j, group := range e.Groups {
			c.text(index(at+".groups", j), group, 1, 500)
		}
		c.unique(at+".groups", e.Groups)
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
