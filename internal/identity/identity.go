// Package identity holds the nouns that every protocol shares: who is meant
// (Ref), who acts (Actor), how somebody proved who they are (Authentication),
// and what a protocol asks of a sign-in (SignInRequest) and gets back (SignIn).
//
// It knows no protocol and no storage, and imports nothing of ours.
package identity

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// Kind says what a Ref names.
type Kind string

// The kinds of thing that tokens, sessions and audit entries speak of. The
// first group can be revoked: see package revoke.
const (
	KindPerson     Kind = "person"
	KindSession    Kind = "session"
	KindConnection Kind = "connection"
	KindApp        Kind = "app"
	KindClient     Kind = "client"
	KindGrant      Kind = "grant"
	KindInstall    Kind = "install"
	KindKey        Kind = "key"
	KindSettings   Kind = "settings"
	KindCall       Kind = "call"

	KindGroup    Kind = "group"
	KindSystem   Kind = "system"
	KindOperator Kind = "operator"
	KindToken    Kind = "token"
	KindEvent    Kind = "event"
	KindJob      Kind = "job"
	KindChange   Kind = "change"
	KindStream   Kind = "stream"
	KindImport   Kind = "import"
)

// Ref names one thing by kind and internal id. Internal ids are random and are
// never reused, so that a Ref never comes to mean something else.
type Ref struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
}

// String returns "kind:id".
func (r Ref) String() string { return string(r.Kind) + ":" + r.ID }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Person names the person with this internal id.
func Person(id string) Ref { return Ref{KindPerson, id} }

// Session names the browser session with this internal id (the OIDC sid).
func Session(id string) Ref { return Ref{KindSession, id} }

// Connection names an upstream identity provider's connection.
func Connection(id string) Ref { return Ref{KindConnection, id} }

// App names an app by its internal id.
func App(id string) Ref { return Ref{KindApp, id} }

// Client names an OAuth client by its client_id.
func Client(id string) Ref { return Ref{KindClient, id} }

// Grant names a refresh family, or the code that began it: the two share an id.
func Grant(id string) Ref { return Ref{KindGrant, id} }

// Install names what a person has at an app, by the internal ids of both: it is revoked
// when the person loses the app, or a role in it. An app that serves an API is also
// named by the audience, which is what tokens of other clients carry.
func Install(person, app string) Ref { return Ref{KindInstall, person + "/" + app} }

// SplitInstall returns the two ids of an Install; ok is false for any other Ref.
func SplitInstall(r Ref) (person, app string, ok bool) {
	if r.Kind != KindInstall {
		return "", "", false
	}
	return strings.Cut(r.ID, "/")
}

// AppendInstalls appends the Install of the person at each of the apps and audiences.
// One string holds all their ids, since every check of a token asks for them.
func AppendInstalls(refs []Ref, person string, places ...string) []Ref {
	size := 0
	for _, place := range places {
		size += len(person) + len("/") + len(place)
	}
	var ids strings.Builder
	ids.Grow(size)
	for _, place := range places {
		ids.WriteString(person)
		ids.WriteByte('/')
		ids.WriteString(place)
	}
	all := ids.String()
	for _, place := range places {
		n := len(person) + len("/") + len(place)
		refs = append(refs, Ref{KindInstall, all[:n]})
		all = all[n:]
	}
	return refs
}

// Call names what a client gets at an API, by the client_id and the audience: it is
// revoked when the side of the API no longer agrees to that.
func Call(client, audience string) Ref { return Ref{KindCall, client + "/" + audience} }

// Key names a signing key by its kid.
func Key(id string) Ref { return Ref{KindKey, id} }

// Settings names what was decided about a connection, as it was read: revoking it
// makes everybody read it again.
func Settings(connection string) Ref { return Ref{KindSettings, connection} }

// Database names the database as a whole: revoking it says that it was put back, so that
// nobody knows what was revoked in the meantime.
func Database() Ref { return Ref{KindSystem, "database"} }

// Event names an event in the outbox by its id.
func Event(id string) Ref { return Ref{KindEvent, id} }

// Job names a durable job by its id.
func Job(id string) Ref { return Ref{KindJob, id} }

// Stream names a stream of shared signals by its id.
func Stream(id string) Ref { return Ref{KindStream, id} }

// Import names a file on its way into the directory.
func Import(id string) Ref { return Ref{KindImport, id} }

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindPerson, KindSession, KindConnection, KindApp, KindClient, KindGrant, KindInstall, KindKey, KindSettings, KindCall,
		KindGroup, KindSystem, KindOperator, KindToken, KindEvent, KindJob, KindChange, KindStream, KindImport,
	}
}

// Actor is who or what caused a change, as the audit log records it.
type Actor struct {
	Ref
	// Address is the client's IP address, empty for work without a request.
	Address string `json:"address,omitempty"`
	// Request is the id of the HTTP request that the change was made in.
	Request string `json:"request,omitempty"`
}

// System is the actor of work that the broker does by itself, such as a key
// rotation; part names the part of the product.
func System(part string) Actor { return Actor{Ref: Ref{KindSystem, part}} }

// GroupRef names a group as its identity provider knows it. Two connections
// that use one name for a group mean two groups.
type GroupRef struct {
	Connection string `json:"connection"`
	ID         string `json:"id"`
}

// Authentication is how and when a person proved who they are upstream.
type Authentication struct {
	// Connection is the id of the connection that vouches for the person.
	Connection string `json:"connection"`
	// Subject is the upstream's own identifier, unique within Connection.
	Subject string `json:"subject"`
	// ACR is the authentication context class that was reached (OpenID Connect
	// Core, section 2), empty when the upstream does not say.
	ACR string `json:"acr,omitempty"`
	// AMR lists the methods used (RFC 8176).
	AMR []string `json:"amr,omitempty"`
	// Time is when the person authenticated upstream, never in the future.
	Time time.Time `json:"time"`
	// Until is when the upstream wants the session to be over (SAML's
	// SessionNotOnOrAfter); zero leaves that to us.
	Until time.Time `json:"until,omitzero"`
	// Upstream is what the upstream calls the person and the session when either
	// side signs out; nil when it has no such name.
	Upstream *UpstreamSession `json:"upstream,omitempty"`
}

// UpstreamSession is a session as the upstream names it: a SAML NameID, with what
// qualifies it, and a SessionIndex.
type UpstreamSession struct {
	Name        string `json:"name"`
	Format      string `json:"format,omitempty"`
	Qualifier   string `json:"qualifier,omitempty"`
	SPQualifier string `json:"sp_qualifier,omitempty"`
	Index       string `json:"index,omitempty"`
}

// The authentication context classes that say no more than that there was a password
// (SAML authentication context, section 3.4), or nothing at all.
const (
	ACRUnspecified       = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
	ACRPassword          = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"                   //nolint:gosec // G101: the name of a class
	ACRPasswordProtected = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" //nolint:gosec // G101: the name of a class
)

// Reaches reports whether the authentication is of the class: the one that the
// upstream named, or one that says no more than what its methods do.
func (a Authentication) Reaches(class string) bool {
	switch class {
	case a.ACR, ACRUnspecified:
		return class != ""
	case ACRPassword, ACRPasswordProtected:
		return slices.Contains(a.AMR, "pwd")
	}
	return false
}

// NewID returns a random identifier: 26 characters of lower-case base32, 130 bits.
func NewID() string { return strings.ToLower(rand.Text()) }

// sortable is base32 whose characters sort like their values.
const sortable = "0123456789abcdefghijklmnopqrstuv"

// orderedTime is how many characters of an ordered id tell its time.
const orderedTime = 12

// NewOrderedID returns an identifier that sorts by t: 12 characters of
// microseconds and 16 random ones, 80 bits. It is for rows that only ever grow,
// whose indexes then grow at one end.
func NewOrderedID(t time.Time) string {
	var id [28]byte
	copy(id[:], OrderedAt(t))
	copy(id[orderedTime:], strings.ToLower(rand.Text()))
	return string(id[:])
}

// Moment returns what the ids from NewOrderedID that were made within the same 33
// milliseconds (2^15 microseconds) begin with.
func Moment(id string) string { return id[:min(len(id), orderedTime-3)] }

// IsOrderedID reports whether id has the form of a NewOrderedID.
func IsOrderedID(id string) bool {
	return len(id) == 28 && !strings.ContainsFunc(id[:orderedTime], func(r rune) bool { return !strings.ContainsRune(sortable, r) }) &&
		!strings.ContainsFunc(id[orderedTime:], func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') })
}

// OrderedTime returns the time of an id from NewOrderedID, or of what OrderedAt
// returned; that of anything else has no meaning.
func OrderedTime(id string) time.Time {
	var n int64
	for _, c := range []byte(id[:min(len(id), orderedTime)]) {
		n = n<<5 | int64(max(strings.IndexByte(sortable, c), 0))
	}
	return time.UnixMicro(n).UTC()
}

// OrderedAt returns what every NewOrderedID(t) begins with, so that the ids from
// time t on are those that sort after it.
func OrderedAt(t time.Time) string {
	var at [orderedTime]byte
	n := uint64(max(t.UnixMicro(), 0))
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = sortable[n&31]
		n >>= 5
	}
	return string(at[:])
}
