package signal

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// identifier is a subject identifier (RFC 9493): a simple one, or a complex one of
// SSF 1.0, section 3.2.
type identifier struct {
	Format string `json:"format"`
	// Iss and Sub are of the format iss_sub, ID of opaque, URI of uri.
	Iss string `json:"iss,omitempty"`
	Sub string `json:"sub,omitempty"`
	ID  string `json:"id,omitempty"`
	URI string `json:"uri,omitempty"`
	// User, Session and Application are of the format complex.
	User        *identifier `json:"user,omitempty"`
	Session     *identifier `json:"session,omitempty"`
	Application *identifier `json:"application,omitempty"`
}

// issSub names a person as tokens do, or a client that acts for itself.
func issSub(issuer, sub string) *identifier {
	return &identifier{Format: "iss_sub", Iss: issuer, Sub: sub}
}

// opaque names a stream, a session by its sid, or an app by its client_id.
func opaque(id string) *identifier { return &identifier{Format: "opaque", ID: id} }

// newSet makes a SET of a stream that an event of ours caused. what tells apart the
// SETs of a type that one event leads to.
func newSet(of Stream, cause event.Event, typ string, subject *identifier, claims any, what string) Set {
	return Set{
		ID: digest(of.ID, cause.ID, typ, what), Stream: of.ID, Event: cause.ID, Transaction: digest("txn", cause.ID),
		Type: typ, Subject: encoded(subject), Claims: encoded(claims), Issued: cause.Time, State: SetWaiting,
	}
}

// digest makes an identifier of 128 bits that says nothing of what it was made of.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// encoded writes what always has a JSON text: strings, numbers, and lists and objects
// of them.
func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// common are the claims that CAEP events have in common (CAEP 1.0, section 2).
type common struct {
	Timestamp  int64             `json:"event_timestamp"` // seconds
	Initiating string            `json:"initiating_entity,omitempty"`
	Admin      map[string]string `json:"reason_admin,omitempty"`
}

// because fills in the common claims of an event of ours.
func because(e event.Event) common {
	return common{Timestamp: e.Time.Unix(), Initiating: initiator(e), Admin: reason(e)}
}

// initiator is who caused an event: "user" is the person whom it is about.
func initiator(e event.Event) string {
	kind := e.Actor.Kind
	switch {
	case kind == identity.KindPerson && (e.Actor.ID == e.Data["person"] || e.Actor.Ref == e.Subject):
		return "user"
	case kind == identity.KindPerson, kind == identity.KindOperator, kind == identity.KindToken:
		return "admin"
	case e.Type == "session.ended" && e.Data["reason"] == "expired":
		return "policy"
	}
	return "system"
}

// reasons say for logs what happened, by the type of the event of ours.
var reasons = map[string][2]string{
	"session.ended":       {"The session ended.", "Die Sitzung wurde beendet."},
	"session.expired":     {"The session expired.", "Die Sitzung ist abgelaufen."},
	"person.disabled":     {"The account was disabled.", "Das Konto wurde gesperrt."},
	"person.enabled":      {"The account was enabled again.", "Das Konto wurde wieder freigegeben."},
	"person.left":         {"The organisation switched the account off.", "Die Organisation hat das Konto abgeschaltet."},
	"person.returned":     {"The organisation switched the account on again.", "Die Organisation hat das Konto wieder eingeschaltet."},
	"connection.disabled": {"The identity provider was disabled.", "Der Identitätsanbieter wurde abgeschaltet."},
	"connection.removed":  {"The identity provider was removed.", "Der Identitätsanbieter wurde entfernt."},
	"app.disabled":        {"The app was disabled.", "Die App wurde abgeschaltet."},
	"app.removed":         {"The app was removed.", "Die App wurde entfernt."},
	"grant.replayed":      {"A code or refresh token was used twice.", "Ein Code oder Refresh-Token wurde zweimal verwendet."},
	"key.killed":          {"The signing key was withdrawn.", "Der Signaturschlüssel wurde zurückgezogen."},
	"person.changed":      {"What is known of the person changed.", "Die Angaben zur Person haben sich geändert."},
	"group.mapped":        {"A group was given another name.", "Eine Gruppe hat einen anderen Namen bekommen."},
	"group.unmapped":      {"A group lost its name.", "Eine Gruppe hat ihren Namen verloren."},

	"person.provisioning_changed": {"What is known of the person changed.", "Die Angaben zur Person haben sich geändert."},
	"group.members_changed":       {"The members of a group changed.", "Die Mitglieder einer Gruppe haben sich geändert."},

	"client.secret_created": {"The client was given another secret.", "Der Client hat ein weiteres Geheimnis bekommen."},
}

// reason says what happened, in every language that there is.
func reason(e event.Event) map[string]string {
	key := e.Type
	if key == "session.ended" && e.Data["reason"] == "expired" {
		key = "session.expired"
	}
	text, ok := reasons[key]
	if !ok {
		text = [2]string{"The access was revoked.", "Der Zugriff wurde entzogen."}
	}
	return map[string]string{"en": text[0], "de": text[1]}
}
