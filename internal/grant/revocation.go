package grant

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of a revocation.
var (
	ErrNotRevocable = fault.New(fault.NotFound, "kind_not_revocable", "only a person, connection, app, client, session, grant or install can be revoked")
	ErrReason       = fault.New(fault.Invalid, "reason_invalid", "the reason must have 3 to 300 characters in one line: it stays in the audit log").At("reason")
	// ErrRevocationNotFound is returned for an id that no revocation has.
	ErrRevocationNotFound = fault.New(fault.NotFound, "revocation_not_found", "there was no such revocation")
)

// Revocable lists the kinds of thing that Revocation takes.
func Revocable() []identity.Kind {
	return []identity.Kind{identity.KindPerson, identity.KindConnection, identity.KindApp, identity.KindClient, identity.KindSession, identity.KindGrant, identity.KindInstall}
}

// Revocation returns the event that ends, for good, every token that carries one of
// refs, and the sessions and refresh families that do: written, it is in force. It is
// about the first of them. Nothing is switched off by it: people sign in again, and apps
// get new tokens. It fails with ErrNotRevocable and ErrReason.
func Revocation(now time.Time, refs []identity.Ref, actor identity.Actor, reason string) (event.Event, error) {
	ref := refs[0]
	reason = strings.TrimSpace(reason)
	if !slices.Contains(Revocable(), ref.Kind) {
		return event.Event{}, ErrNotRevocable
	}
	if n := utf8.RuneCountInString(reason); n < 3 || n > 300 || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return event.Event{}, ErrReason
	}
	e := event.New(now, "grant.revoked", actor, ref, "reason", reason)
	switch ref.Kind {
	case identity.KindPerson:
		e.Type = "person.revoked"
	case identity.KindConnection:
		e.Type = "connection.revoked"
	case identity.KindApp:
		e.Type = "app.revoked"
	case identity.KindClient:
		e.Type = "client.revoked"
	case identity.KindSession:
		e.Type = "session.ended"
	case identity.KindInstall:
		e.Type = "install.revoked"
	default:
	}
	return e.Revoking(refs...), nil
}

// Progress is how far the consequences of a revocation are that take their time: the
// apps of ended sessions hear of it one by one. Tokens are refused from the first
// moment on.
type Progress struct {
	// Queued is false until it is known whom to tell.
	Queued bool `json:"queued"`
	// Sessions ended by it.
	Sessions int `json:"sessions"`
	// Told, Waiting and Failed are how many logouts of apps were delivered, are still
	// tried, and were given up; of those that were, Discarded by a person, so that nothing
	// tries them again. Untold are those of apps that cannot be told: they have no
	// address for it, or are no longer there.
	Told      int `json:"told"`
	Waiting   int `json:"waiting"`
	Failed    int `json:"failed"`
	Discarded int `json:"discarded"`
	Untold    int `json:"untold"`
}

// Done reports whether nothing more will happen by itself.
func (p Progress) Done() bool { return p.Queued && p.Waiting == 0 }

// ConsequenceState says how far a consequence is.
type ConsequenceState string

// The states. A consequence that is Retrying failed before.
const (
	ConsequenceDone     ConsequenceState = "done"
	ConsequenceWaiting  ConsequenceState = "waiting"
	ConsequenceRetrying ConsequenceState = "retrying"
	ConsequenceFailed   ConsequenceState = "failed" // given up, until a person has it tried again
)

// ConsequenceStates lists them.
func ConsequenceStates() []ConsequenceState {
	return []ConsequenceState{ConsequenceDone, ConsequenceWaiting, ConsequenceRetrying, ConsequenceFailed}
}

// The consequences of a revocation. The first three are in its own transaction, the others
// follow from the outbox; there they go by these names.
const (
	EndedSessions    = "sessions"
	EndedGrants      = "grants"
	Raised           = "revocations"
	LogoutOfApps     = "back-channel logout"
	SharedSignals    = "signals"
	OwnersSucceed    = "ownership"
	RequestsWithdraw = "requests"
)

// LogoutQueue is the queue of the jobs that tell apps of the end of a session, which
// LogoutOfApps is made of.
const LogoutQueue = "backchannel-logout"

// Consequence is one thing that a revocation leads to.
type Consequence struct {
	Name  string           `json:"name"`
	State ConsequenceState `json:"state"`
	// Done, Waiting and Failed count what it is made of: sessions, apps to tell, signals,
	// apps that have another owner, requests that are closed.
	Done    int64 `json:"done"`
	Waiting int64 `json:"waiting"`
	Failed  int64 `json:"failed"`
	// Discarded counts those of Failed that a person gave up: see Progress.
	Discarded int64 `json:"discarded,omitempty"`
	// Untold counts apps that cannot be told of a logout: see Progress.
	Untold int64 `json:"untold,omitempty"`
	// Reason is why the last attempt failed.
	Reason string `json:"reason,omitempty"`
}
