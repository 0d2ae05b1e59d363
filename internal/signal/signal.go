// Package signal is the transmitter of OpenID Shared Signals Framework 1.0: streams
// on which apps and APIs hear at once what they would otherwise learn when a token
// ends, as security event tokens (SETs, RFC 8417).
//
// A stream belongs to the client that made it. It hears of the people and sessions
// that tokens were issued of to that client or for its API, and of nobody else; they
// are called by the sub and sid that those tokens have.
//
// What happened reaches a stream from the outbox:
//
//	a session ended                        session-revoked of the session
//	a person was disabled, or left         session-revoked of the person, account-disabled
//	a person was enabled again, or returns account-enabled
//	a connection was disabled or removed   session-revoked of each session that came over it
//	an app or client was disabled          session-revoked of its sessions, at the APIs that it calls
//	a grant was revoked                    session-revoked of what the app had of the person
//	an exchanged token was cut             session-revoked of it, at every API of what hangs from it
//	an API agrees no more to a client      session-revoked of the client, at that API
//	groups or attributes changed           token-claims-change with the new values
//	a signing key was killed               credential-change of the key
//	a client got another secret            credential-change of the client, to itself
//
// Each is queued once per stream and event (the jti says so) and delivered at least
// once, in order: pushed (RFC 8935) or polled (RFC 8936). A stream that is paused
// keeps what happens, one that is disabled does not. What waits is bounded by MostWaiting
// and Keep; what a receiver refuses is set aside as a job, for a person to look at.
package signal

import (
	"encoding/json"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The methods of delivery (SSF 1.0, section 6.1).
const (
	Push = "urn:ietf:rfc:8935"
	Poll = "urn:ietf:rfc:8936"
)

// The bounds of streams.
const (
	// MostStreams is how many a client may have.
	MostStreams = 10
	// MostWaiting is how many SETs wait in a stream; of more the oldest are dropped.
	MostWaiting = 10_000
	// Keep is how long a SET waits, and how long it is shown after that.
	Keep = 7 * 24 * time.Hour
	// VerifyEvery is the least time between two verifications of a stream.
	VerifyEvery = 30 * time.Second
	// mostText bounds a description, a reason, and a state.
	mostText = 1000
	// mostHeader bounds an authorization_header.
	mostHeader = 4000
	// mostRequested bounds how many types of events are asked for.
	mostRequested = 100
)

// The faults of this package.
var (
	ErrNotFound = fault.New(fault.NotFound, "stream_not_found", "there is no such stream")
	ErrTooMany  = fault.New(fault.Conflict, "streams_too_many", "this client has as many streams as it may have: delete one")
	ErrVerified = fault.New(fault.TooMany, "stream_verified", "this stream was verified a moment ago: see its min_verification_interval")
	ErrDisabled = fault.New(fault.Invalid, "stream_disabled", "the stream is disabled: nothing is transmitted over it").At("stream_id")
	ErrHeld     = fault.New(fault.Denied, "stream_held", "the status was set by an operator of the broker, who alone can change it")
	ErrState    = fault.New(fault.Invalid, "stream_status_unknown", "the statuses are enabled, paused and disabled").At("/status")
	ErrCursor   = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")
	ErrRefused  = fault.New(fault.Denied, "set_refused", "the receiver refuses the event")
)

// Status is what a stream does with events (SSF 1.0, section 8.1.2.1).
type Status string

// The statuses.
const (
	Enabled  Status = "enabled"
	Paused   Status = "paused"   // events are kept
	Disabled Status = "disabled" // events are not kept
)

// Statuses lists them.
func Statuses() []Status { return []Status{Enabled, Paused, Disabled} }

// Stream is how one client hears of events.
type Stream struct {
	ID     string `json:"id"`
	Client string `json:"client"` // client_id of whose it is
	App    string `json:"app"`    // internal id of its app: a reused client_id inherits nothing
	// Description is the receiver's own.
	Description string `json:"description,omitempty"`
	// Requested are the types of events that the receiver asked for, also those that
	// there are not.
	Requested []string `json:"requested"`
	Method    string   `json:"method"`
	// Endpoint is where events are pushed to, empty for Poll.
	Endpoint string `json:"endpoint,omitempty"`
	// Authorization is the sealed value of the header that pushes carry.
	Authorization []byte `json:"-"`
	Status        Status `json:"status"`
	// Reason is why it has that status, by whoever gave it.
	Reason string `json:"reason,omitempty"`
	// Held says that an operator paused or disabled it: its receiver cannot undo that.
	Held    bool      `json:"held,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Version int64     `json:"version"`
	// Leased is when the lease ends under which a stream was claimed.
	Leased time.Time `json:"-"`
	Progress
}

// Progress is how delivery goes. It changes by itself.
type Progress struct {
	// Waiting counts what is to be delivered, Oldest is since when the oldest waits.
	Waiting int64     `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// Delivered, Dropped and Refused count what was taken, what was given up for its age
	// or number or a disabled stream, and what the receiver refused.
	Delivered int64 `json:"delivered"`
	Dropped   int64 `json:"dropped"`
	Refused   int64 `json:"refused"`
	// DeliveredAt is when the receiver took an event last.
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	// Failures counts the pushes that failed since one did not, Error is why the last
	// did at FailedAt, and Next when the next is tried.
	Failures int64     `json:"failures"`
	Error    string    `json:"error,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	// Verified is when the receiver asked for a verification last.
	Verified time.Time `json:"verified,omitzero"`
}

// SetState is where a SET stands.
type SetState string

// The states.
const (
	SetWaiting   SetState = "waiting"
	SetDelivered SetState = "delivered"
	SetRefused   SetState = "refused"
	SetDropped   SetState = "dropped"
)

// Set is one security event token on its way.
type Set struct {
	// ID is the jti: the same stream and cause make the same.
	ID     string `json:"id"`
	Stream string `json:"stream"`
	// Event is the id of the event of ours that caused it, Transaction what receivers
	// see of that.
	Event       string          `json:"event"`
	Transaction string          `json:"txn"`
	Type        string          `json:"type"` // URI
	Subject     json.RawMessage `json:"sub_id"`
	Claims      json.RawMessage `json:"claims"`
	// Control SETs are about the stream itself: they are delivered although it is paused
	// or disabled.
	Control bool      `json:"control,omitempty"`
	Issued  time.Time `json:"issued"`
	State   SetState  `json:"state"`
	// Refusals counts how often the receiver refused it, Reason is why it last did.
	Refusals int       `json:"refusals,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Settled  time.Time `json:"settled,omitzero"`
}

// Subject says that a token about a person, in a session, was issued to the client via,
// and that the client receiver hears of it: it is via, or serves the API that the token
// is for. Person, Session and Connection are empty for a client's own token.
type Subject struct {
	Receiver, Person, Session, Via, Connection string
	// App is the internal id of the receiver's app at that time: whoever has its client_id
	// next does not hear of its people.
	App string
	// Seen is when a token was issued last, give or take a day.
	Seen time.Time
}
