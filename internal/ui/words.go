package ui

import (
	"net/mail"
	"strings"

	"github.com/mileusna/useragent"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Device is a browser and where it runs, in words.
type Device struct {
	Icon string
	Text Text
}

// device reads a User-Agent header, which says what it likes: it is for people to
// recognise their own devices by, and for nothing else.
func device(header string) Device {
	a := useragent.Parse(header)
	d := Device{Icon: "device"}
	if a.Mobile || a.Tablet {
		d.Icon = "phone"
	}
	d.Text = T("%s on %s", a.Name, a.OS)
	if a.Name == "" || a.OS == "" {
		d.Text = T("An unknown browser")
	}
	return d
}

// Scope is what an app may do or learn, in words.
type Scope struct {
	Icon string
	Text Text
	// Note says more; it may be empty.
	Note Text
}

// Learns is what an app learns of a person, for the component "scopes".
type Learns struct {
	// NameID is the format of the NameID that an app of SAML gets (core, section 8.3),
	// empty for a subject of OpenID Connect.
	NameID string
	Scopes []string
}

// KnownBy is how the app knows the person.
func (l Learns) KnownBy() Scope {
	again := T("Recognise you when you come back")
	switch {
	case strings.HasSuffix(l.NameID, ":transient"):
		return Scope{"check", T("Know that you are signed in"), T("By an identifier that is a new one every time")}
	case strings.HasSuffix(l.NameID, ":emailAddress"):
		return Scope{"check", again, T("By your e-mail address")}
	}
	return Scope{"check", again, T("By an identifier that stays the same")}
}

// scopes are the scopes of an app as people understand them, without openid, which
// says only that they sign in. What an app made up itself is shown by its name, and with
// that of the API if it is an identity.Right there.
func scopes(names []string) []Scope {
	var all []Scope
	for _, name := range names {
		switch name {
		case "openid":
		case "profile":
			all = append(all, Scope{"people", T("See your name"), T("Name, user name, picture and language")})
		case "email":
			all = append(all, Scope{"mail", T("See your e-mail address"), T("And whether it is confirmed")})
		case "groups":
			all = append(all, Scope{"group", T("See your groups"), T("The groups that you are in, and your roles in the app")})
		case "phone":
			all = append(all, Scope{"phone", T("See your phone number"), Text{}})
		case "address":
			all = append(all, Scope{"home", T("See your address"), Text{}})
		case "offline_access":
			all = append(all, Scope{"clock", T("Act for you while you are away"), T("Also while you are signed out, for up to 30 days")})
		default:
			api, scope := identity.SplitRight(name)
			note := T("A right that the app made up itself")
			if api != "" {
				note = T("At the API %s, in your name", api)
			}
			all = append(all, Scope{"key", Plain(scope), note})
		}
	}
	return all
}

// contact returns where a contact leads: to an e-mail program or a page; empty for
// one that is neither.
func contact(where string) string {
	if a, err := mail.ParseAddress(where); err == nil && a.Address == where {
		return "mailto:" + where
	}
	if strings.HasPrefix(where, "https://") {
		return where
	}
	return ""
}
