package verify

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Claims are what a good access token says. They are shared and must not be changed.
type Claims struct {
	// ID is the jti: unique to the token.
	ID       string
	Issuer   string
	Audience string
	// Subject is the person whom the token is about, by the id that never changes; or the
	// client, where the client acts for itself: see Person.
	Subject string
	// Client is the client_id of the app that the token was issued to.
	Client string
	Scopes []string
	// Roles are the person's roles in that app.
	Roles []string
	// Issued, NotBefore and Expires are in whole seconds; NotBefore is mostly zero.
	Issued, NotBefore, Expires time.Time
	// AuthTime, ACR and AMR say when and how the person signed in; empty for a client.
	AuthTime time.Time
	ACR      string
	AMR      []string
	// Session is the sid, empty without one.
	Session string
	// Actors act for the subject, the present one first and each on behalf of the one
	// after it (RFC 8693, section 4.1); empty for a token that is not delegated.
	Actors []string
	// MayAct is the client_id of who may exchange the token on, empty if nobody is named.
	MayAct string

	connection string
	era        string
	rev        uint64
	refs       []ref // whose revocation ends the token
}

// ref names something that can be revoked.
type ref struct{ kind, id string }

// Person reports whether the token is about a person, rather than of a client that acts
// for itself.
func (c *Claims) Person() bool { return c.connection != "" }

// HasScope reports whether the token has the scope.
func (c *Claims) HasScope(scope string) bool { return slices.Contains(c.Scopes, scope) }

// maxLine bounds how many tokens an exchanged one may name that it grew from.
const maxLine = 16

var (
	errAudience = errors.New("aud does not name one audience")
	errMissing  = errors.New("a claim is missing")
	errSubject  = errors.New("the subject is neither a signed-in person nor the client")
	errBound    = errors.New("the token is bound to a key")
	errLine     = errors.New("the token was exchanged too often")
)

// parseClaims reads a payload whose signature is right.
func parseClaims(raw []byte, kid string) (*Claims, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	m := &members{object: o}
	c := &Claims{
		ID: m.text("jti"), Issuer: m.text("iss"), Subject: m.text("sub"), Client: m.text("client_id"),
		Scopes: strings.Fields(m.text("scope")), Roles: m.list("roles"),
		Issued: m.time("iat"), NotBefore: m.time("nbf"), Expires: m.time("exp"),
		AuthTime: m.time("auth_time"), ACR: m.text("acr"), AMR: m.list("amr"), Session: m.text("sid"),
		connection: m.text("cnx"), era: m.text("era"), rev: m.whole("rev"),
	}
	if c.Audience = audience(o["aud"]); c.Audience == "" {
		return nil, errAudience
	}
	may := &members{object: m.inner("may_act")}
	c.MayAct = may.text("sub")
	if c.Actors, err = actors(m.inner("act")); err != nil {
		return nil, err
	}
	if err = c.grewFrom(m, kid); err != nil {
		return nil, err
	}
	_, bound := o["cnf"]
	switch {
	case m.wrong != nil:
		return nil, m.wrong
	case may.wrong != nil:
		return nil, may.wrong
	case bound:
		return nil, errBound
	case c.ID == "", c.Subject == "", c.Client == "", c.Issued.IsZero(), c.Expires.IsZero():
		return nil, errMissing
	case !c.Person() && c.Subject != c.Client:
		return nil, errSubject
	}
	return c, nil
}

// audience reads aud: a string, or a list of exactly one, and otherwise none. The broker
// mints no token for two, and one for two would be good at the other.
func audience(value any) string {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	text, _ := value.(string)
	return text
}

// actors lists nested act claims, the outermost first.
func actors(act object) (all []string, err error) {
	for act != nil {
		m := &members{object: act}
		sub := m.text("sub")
		act = m.inner("act")
		if m.wrong != nil {
			return nil, m.wrong
		}
		if sub == "" {
			return nil, errMissing
		}
		all = append(all, sub)
	}
	return all, nil
}

// grewFrom gathers what may end the token: what it names itself, and what the tokens
// named that it was exchanged from.
func (c *Claims) grewFrom(m *members, kid string) error {
	if c.Person() {
		c.add("person", c.Subject)
	}
	c.add("session", c.Session)
	c.add("connection", c.connection)
	c.link(m, kid)
	line, ok := m.object["via"].([]any)
	if _, has := m.object["via"]; has && !ok {
		m.misses("via", "a list")
	}
	if len(line) > maxLine {
		return errLine
	}
	for _, one := range line {
		o, ok := one.(object)
		if !ok {
			m.misses("via", "a list of objects")
			break
		}
		l := &members{object: o}
		c.link(l, l.text("kid"))
		if l.wrong != nil {
			return l.wrong
		}
	}
	return nil
}

// link adds what one token of the line names.
func (c *Claims) link(m *members, kid string) {
	c.add("app", m.text("app"))
	c.has(m.text("app"))
	c.has(audience(m.object["aud"]))
	c.add("client", m.text("client_id"))
	if m.text("client_id") != "" && audience(m.object["aud"]) != "" {
		c.add("call", m.text("client_id")+"/"+audience(m.object["aud"]))
	}
	c.add("grant", m.text("gnt"))
	c.add("key", kid)
	c.add("grant", m.text("agt"))
}

// has adds what the person has at an app or API, which may be taken away.
func (c *Claims) has(place string) {
	if c.Person() && place != "" {
		c.add("install", c.Subject+"/"+place)
	}
}

func (c *Claims) add(kind, id string) {
	if id != "" {
		c.refs = append(c.refs, ref{kind, id})
	}
}
