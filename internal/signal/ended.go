package signal

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// grantEnded tells of what a client had of a person: the client, and the APIs that it
// calls for them. A grant that is not kept is told of by what the event says of it.
func (t *Teller) grantEnded(ctx context.Context, e event.Event, id string) error {
	switch family, err := t.o.Grants.Family(ctx, id); {
	case err == nil:
		return t.had(ctx, e, Subject{Person: family.Subject.Person, Session: family.Subject.Session, Via: family.Subject.Client})
	case !errors.Is(err, grant.ErrUnknown):
		return err
	}
	switch n, err := t.o.Exchanges.Node(ctx, id); {
	case err == nil && n.Exchanged():
		return t.cut(ctx, e, n)
	case err != nil && !errors.Is(err, grant.ErrNodeNotFound):
		return err
	}
	about := Subject{Person: e.Data["person"], Session: e.Data["session"], Via: e.Data["client"]}
	if about.Via == "" && e.Data["app"] != "" {
		c, err := t.o.Clients.ClientOf(ctx, e.Data["app"])
		if err != nil {
			return unlessGone(err)
		}
		about.Via = c.ID
	}
	return t.had(ctx, e, about)
}

// cut tells of the end of an exchanged token, whose grant is its own: the API that alone
// takes it, and those that take what hangs from it.
func (t *Teller) cut(ctx context.Context, e event.Event, n grant.Node) error {
	under, err := t.o.Exchanges.Under(ctx, n)
	if err != nil {
		return err
	}
	audiences := []string{n.Audience}
	for _, b := range under {
		if !slices.Contains(audiences, b.Audience) {
			audiences = append(audiences, b.Audience)
		}
	}
	for _, audience := range audiences {
		api, err := t.o.Clients.Audience(ctx, audience)
		if err == nil {
			err = t.had(ctx, e, Subject{Receiver: api.Client, Person: n.Person, Session: n.Session, Via: n.Client})
		}
		if err := unlessGone(err); err != nil {
			return err
		}
	}
	return nil
}

// had tells of the end of what a client had of a person, in a session if there is one.
func (t *Teller) had(ctx context.Context, e event.Event, about Subject) error {
	if about.Person == "" || about.Via == "" {
		return nil
	}
	return t.spread(ctx, about, t.ended(e, func(of Subject) *identifier { return t.whose(of.Person, about.Session, of.Via) }))
}

// callEnded tells an API that a client's tokens for it are worth nothing: its side does
// not agree to them any more.
func (t *Teller) callEnded(ctx context.Context, e event.Event, call string) error {
	client, audience, _ := strings.Cut(call, "/") // a client_id has none
	api, err := t.o.Clients.Audience(ctx, audience)
	if err != nil {
		return unlessGone(err)
	}
	return t.spread(ctx, Subject{Receiver: api.Client, Via: client}, t.ended(e, func(Subject) *identifier { return t.whose("", "", client) }))
}

// installEnded tells of the end of what a person may do at an app, or at an API: the app
// and the APIs that it calls for them, or the API.
func (t *Teller) installEnded(ctx context.Context, e event.Event, ref identity.Ref) error {
	person, place, _ := identity.SplitInstall(ref)
	c, err := t.o.Clients.ClientOf(ctx, place)
	if err == nil {
		return t.spread(ctx, Subject{Person: person, Via: c.ID}, t.ended(e, func(of Subject) *identifier { return t.whose(of.Person, "", of.Via) }))
	}
	if err := unlessGone(err); err != nil {
		return err
	}
	api, err := t.o.Clients.Audience(ctx, place)
	if err != nil {
		return unlessGone(err)
	}
	return t.spread(ctx, Subject{Receiver: api.Client, Person: person}, t.ended(e, func(of Subject) *identifier { return t.whose(of.Person, "", "") }))
}
