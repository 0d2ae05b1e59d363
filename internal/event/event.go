// Package event is what happened, told once: an Event is written in the same
// transaction as the change it tells of. The storage layer makes an audit entry
// of every event, a revocation of every id that it Revokes, and an outbox row if
// its type has a handler. Side effects outside the database only ever start from
// the outbox: at least once, deduplicated by event id.
package event

import (
	"maps"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Event is one thing that happened. It holds no secret: its Data ends in the
// audit log.
type Event struct {
	// ID is unique and sorts by Time; handlers deduplicate by it.
	ID string `json:"id"`
	// Type is "noun.verb" in the past tense: "session.ended".
	Type string `json:"type"`
	// Time is in UTC, cut to microseconds.
	Time time.Time `json:"time"`
	// Actor caused it; Subject is what it happened to.
	Actor   identity.Actor `json:"actor"`
	Subject identity.Ref   `json:"subject"`
	// Revokes lists what stops being good with this event. In the event's own
	// transaction each id takes the next revocation number, and every session
	// and refresh family that carries the id ends.
	Revokes []identity.Ref `json:"revokes,omitempty"`
	// Data are further facts by name. Lists are joined by single spaces.
	Data map[string]string `json:"data,omitempty"`
}

// New returns an event with a fresh id at time now. pairs alternate names and
// values of Data; empty values are left out.
func New(now time.Time, typ string, actor identity.Actor, subject identity.Ref, pairs ...string) Event {
	e := Event{ID: identity.NewOrderedID(now), Type: typ, Time: now.UTC().Truncate(time.Microsecond), Actor: actor, Subject: subject}
	return e.with(pairs)
}

// With returns e with further facts: pairs are as in New.
func (e Event) With(pairs ...string) Event {
	e.Data = maps.Clone(e.Data)
	return e.with(pairs)
}

func (e Event) with(pairs []string) Event {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if e.Data == nil {
			e.Data = make(map[string]string, len(pairs)/2)
		}
		e.Data[pairs[i]] = pairs[i+1]
	}
	return e
}

// Revoking returns e with refs among what it revokes.
func (e Event) Revoking(refs ...identity.Ref) Event {
	e.Revokes = append(e.Revokes[:len(e.Revokes):len(e.Revokes)], refs...)
	return e
}
