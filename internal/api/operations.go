package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// errConnection refuses an id that no configured connection has.
var errConnection = fault.New(fault.NotFound, "connection_not_found", "no such connection is configured")

// Connection is a configured identity provider.
type Connection struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	Issuer string `json:"issuer"`
	// Enabled says whether people may sign in over it now.
	Enabled bool `json:"enabled"`
}

func (a *API) connections(r *http.Request) (any, error) {
	all := make([]Connection, len(a.o.Connections))
	for i, c := range a.o.Connections {
		enabled, err := a.o.People.ConnectionEnabled(r.Context(), c.ID)
		if err != nil {
			return nil, err
		}
		c.Enabled = enabled
		all[i] = c
	}
	return all, nil
}

func (a *API) switchConnection(disabled bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		for _, c := range a.o.Connections {
			if c.ID == r.PathValue("id") {
				return done{}, a.o.People.SetConnectionDisabled(r.Context(), c.ID, disabled, a.actor(r))
			}
		}
		return nil, errConnection
	}
}

func (a *API) sessionsOf(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	sessions, err := a.o.Sessions.Of(r.Context(), p.ID)
	return append([]session.Session{}, sessions...), err
}

func (a *API) endSessionsOf(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return done{}, a.o.Sessions.EndAll(r.Context(), p.ID, a.actor(r), "ended by an operator")
}

func (a *API) endSession(r *http.Request) (any, error) {
	return done{}, a.o.Sessions.End(r.Context(), r.PathValue("id"), a.actor(r), "ended by an operator")
}

func (a *API) keys(r *http.Request) (any, error) { return a.o.Keys.List(r.Context()) }

func (a *API) rotateKey(r *http.Request) (any, error) {
	if err := a.o.Keys.Rotate(r.Context(), keys.Algorithm(r.PathValue("algorithm")), a.actor(r)); err != nil {
		return nil, err
	}
	return a.keys(r)
}

func (a *API) killKey(r *http.Request) (any, error) {
	if err := a.o.Keys.Kill(r.Context(), r.PathValue("kid"), a.actor(r)); err != nil {
		return nil, err
	}
	return a.keys(r)
}

// entries is a page of the audit log, newest first; Next continues it as
// parameter after.
type entries struct {
	Entries []audit.Entry `json:"entries"`
	Next    string        `json:"next,omitempty"`
}

// audit answers with the entries that the parameters type, subject, actor, from
// and to select: see audit.Query.
func (a *API) audit(r *http.Request) (any, error) {
	params, err := httpx.Query(r)
	if err != nil {
		return nil, err
	}
	var q audit.Query
	for name := range params {
		value := params.Get(name)
		switch name {
		case "type":
			q.Type = value
		case "subject":
			q.Subject = value
		case "actor":
			q.Actor = value
		case "after":
			q.After = value
		case "from":
			q.From, err = time.Parse(time.RFC3339, value)
		case "to":
			q.To, err = time.Parse(time.RFC3339, value)
		case "limit":
			if q.Limit, err = strconv.Atoi(value); err == nil && (q.Limit < 1 || q.Limit > 1000) {
				err = strconv.ErrRange
			}
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "parameter_invalid", "from and to are times as in RFC 3339, limit is 1 to 1000").At(name)
		}
	}
	list, next, err := a.o.Audit.Page(r.Context(), q)
	return entries{Entries: append([]audit.Entry{}, list...), Next: next}, err
}
