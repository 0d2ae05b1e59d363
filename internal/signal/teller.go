package signal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// subjectPage is how many subjects are read, and SETs written, at once.
const subjectPage = 200

// Clients is the part of registry.Registry that is asked for receivers and apps.
type Clients interface {
	Client(ctx context.Context, id string) (*registry.Client, error)
	ClientOf(ctx context.Context, app string) (*registry.Client, error)
	Audience(ctx context.Context, name string) (*registry.Audience, error)
}

// People is the part of the directory that is asked for claims.
type People interface {
	Person(ctx context.Context, id string) (directory.Person, error)
	Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
	// Moved returns up to limit people, by id and from the one after after on, whom streams
	// hear of and who are in another set of groups since a SCIM operation changed the members
	// of a group: those members, or who is in a group that is one. members are the ids that
	// it is known of, nil for all that the operation added or removed.
	Moved(ctx context.Context, group, operation string, members []string, after string, limit int) ([]string, error)
}

// Grants is what is asked whose grant was revoked.
type Grants interface {
	Family(ctx context.Context, id string) (grant.Family, error)
	Consent(ctx context.Context, person, app string) (c grant.Consent, ok bool, err error)
}

// Exchanges is what is asked which tokens end with an exchanged one: grant.Tree.
type Exchanges interface {
	Node(ctx context.Context, id string) (grant.Node, error)
	Under(ctx context.Context, n grant.Node) ([]grant.Branch, error)
}

// Entitlements is the part of entitlement.Checker that is asked for claims.
type Entitlements interface {
	Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
}

// TellerOptions are what a Teller needs. All are required.
type TellerOptions struct {
	// Issuer is the iss of every subject.
	Issuer       string
	Store        Store
	Clients      Clients
	People       People
	Grants       Grants
	Exchanges    Exchanges
	Entitlements Entitlements
	// Queued says that something is to be delivered: Pusher.Notify.
	Queued func()
}

// Teller turns events of ours into SETs of the streams that they concern.
type Teller struct{ o TellerOptions }

// NewTeller returns a Teller.
func NewTeller(o TellerOptions) *Teller { return &Teller{o} }

// Handled lists the types of events that Handle takes although they revoke nothing.
func Handled() []string {
	return []string{
		"person.enabled", "person.changed", "group.mapped", "group.unmapped", "client.secret_created", record.PersonReturned, record.PersonChanged, record.MembersChanged,
	}
}

// Frequent reports whether events of a type of Handled are so many that they are kept
// only while there is a stream.
func Frequent(typ string) bool { return typ == record.PersonChanged || typ == record.MembersChanged }

// Handle queues what streams are to be told of an event. Again is no change. It is for
// every event that revokes something, and for those of Handled.
func (t *Teller) Handle(ctx context.Context, e event.Event) error {
	receivers, err := t.o.Store.Receivers(ctx)
	if err != nil || len(receivers) == 0 {
		return err
	}
	for _, ref := range e.Revokes {
		if err := t.revoked(ctx, e, ref); err != nil {
			return fmt.Errorf("tell of %s: %w", ref.Kind, err)
		}
	}
	switch e.Type {
	case "person.enabled":
		err = t.spread(ctx, Subject{Person: e.Subject.ID}, t.account(e, AccountEnabled))
	case record.PersonReturned:
		err = t.returned(ctx, e)
	case "person.changed", record.PersonChanged:
		err = t.changed(ctx, e, e.Subject.ID, strings.Fields(e.Data["fields"]))
	case record.MembersChanged:
		err = t.moved(ctx, e)
	case "group.mapped", "group.unmapped":
		err = t.regrouped(ctx, e)
	case "client.secret_created":
		err = t.secretMade(ctx, e)
	case "app.removed":
		err = t.forget(ctx, e, e.Data["client"], "the app was removed")
	case "app.applied":
		err = t.renamed(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("tell of %s: %w", e.Type, err)
	}
	t.o.Queued()
	return nil
}

// say makes what a stream is told of a subject, nil for nothing.
type say func(ctx context.Context, to Stream, of Subject) (*Set, error)

// revoked tells of one thing that was revoked. Of settings, nobody outside hears.
func (t *Teller) revoked(ctx context.Context, e event.Event, ref identity.Ref) error {
	do := map[identity.Kind]func(context.Context, event.Event, string) error{
		identity.KindSession: t.sessionEnded, identity.KindPerson: t.personEnded, identity.KindConnection: t.connectionEnded,
		identity.KindClient: t.clientEnded, identity.KindApp: t.appEnded, identity.KindGrant: t.grantEnded, identity.KindCall: t.callEnded,
		identity.KindKey: t.keyKilled,
	}[ref.Kind]
	switch {
	case ref.Kind == identity.KindInstall:
		return t.installEnded(ctx, e, ref)
	case do == nil:
		return nil
	}
	return do(ctx, e, ref.ID)
}

func (t *Teller) sessionEnded(ctx context.Context, e event.Event, id string) error {
	return t.spread(ctx, Subject{Session: id}, t.ended(e, t.session))
}

func (t *Teller) connectionEnded(ctx context.Context, e event.Event, id string) error {
	return t.spread(ctx, Subject{Connection: id}, t.ended(e, t.session))
}

func (t *Teller) session(of Subject) *identifier { return t.whose(of.Person, of.Session, "") }

func (t *Teller) personEnded(ctx context.Context, e event.Event, id string) error {
	person := func(of Subject) *identifier { return t.whose(of.Person, "", "") }
	if err := t.spread(ctx, Subject{Person: id}, t.ended(e, person)); err != nil {
		return err
	}
	off := e.Type == "person.disabled"
	if e.Type == record.PersonLeft { // who comes over another connection, too, has an account
		p, err := t.o.People.Person(ctx, id)
		if err != nil {
			return unlessGone(err)
		}
		off = p.Left()
	}
	if !off {
		return nil
	}
	return t.spread(ctx, Subject{Person: id}, t.account(e, AccountDisabled))
}

// returned tells that somebody may come again whom a connection had switched off.
func (t *Teller) returned(ctx context.Context, e event.Event) error {
	p, err := t.o.People.Person(ctx, e.Subject.ID)
	if err != nil || p.Disabled || p.Left() {
		return unlessGone(err)
	}
	return t.spread(ctx, Subject{Person: p.ID}, t.account(e, AccountEnabled))
}

func (t *Teller) appEnded(ctx context.Context, e event.Event, id string) error {
	c, err := t.o.Clients.ClientOf(ctx, id)
	if err != nil {
		return unlessGone(err) // a removed app's client is revoked beside it
	}
	return t.clientEnded(ctx, e, c.ID)
}

// whose names a person, narrowed to a session or to what an app has of them.
func (t *Teller) whose(person, session, client string) *identifier {
	of := &identifier{Format: "complex"}
	if person != "" {
		of.User = issSub(t.o.Issuer, person)
	}
	if session != "" {
		of.Session = opaque(session)
	}
	if client != "" {
		of.Application = opaque(client)
	}
	return of
}

// ended says that sessions of a subject are revoked. A SET per name is enough: those
// of subjects that are called the same are one.
func (t *Teller) ended(e event.Event, name func(Subject) *identifier) say {
	return func(_ context.Context, to Stream, of Subject) (*Set, error) {
		if !to.wants(SessionRevoked) {
			return nil, nil
		}
		called := name(of)
		set := newSet(to, e, SessionRevoked, called, because(e), string(encoded(called)))
		return &set, nil
	}
}

// account says what became of an account (RISC 1.0, sections 2.3 and 2.4).
func (t *Teller) account(e event.Event, typ string) say {
	return func(_ context.Context, to Stream, of Subject) (*Set, error) {
		if !to.wants(typ) {
			return nil, nil
		}
		set := newSet(to, e, typ, issSub(t.o.Issuer, of.Person), struct{}{}, of.Person)
		return &set, nil
	}
}

// clientEnded tells the APIs that a client calls that its tokens are worth nothing.
func (t *Teller) clientEnded(ctx context.Context, e event.Event, client string) error {
	other := t.ended(e, func(Subject) *identifier { return t.whose("", "", client) })
	return t.spread(ctx, Subject{Via: client}, func(ctx context.Context, to Stream, of Subject) (*Set, error) {
		if to.Client == client {
			return nil, nil // it is what was switched off
		}
		return other(ctx, to, of)
	})
}

// keyKilled tells everybody that nothing signed with a key is good, and that their copy
// of the keys is out of date.
func (t *Teller) keyKilled(ctx context.Context, e event.Event, kid string) error {
	return t.everybody(ctx, func(to Stream) *Set {
		return t.credential(to, e, &identifier{Format: "uri", URI: t.o.Issuer + "/jwks#" + kid}, "signing-key", "revoke", kid)
	})
}

// credential says that a credential changed (CAEP 1.0, section 3.3).
func (t *Teller) credential(to Stream, e event.Event, of *identifier, kind, change, name string) *Set {
	if !to.wants(CredentialChange) {
		return nil
	}
	set := newSet(to, e, CredentialChange, of, struct {
		Kind   string `json:"credential_type"`
		Change string `json:"change_type"`
		Name   string `json:"friendly_name,omitempty"`
		common
	}{kind, change, name, because(e)}, name)
	return &set
}

// secretMade tells a client that it has another secret: it may not be what its owner
// asked for.
func (t *Teller) secretMade(ctx context.Context, e event.Event) error {
	client := e.Subject.ID
	return t.those(ctx, []string{client}, func(to Stream) *Set {
		return t.credential(to, e, issSub(t.o.Issuer, client), "client-secret", "create", "")
	})
}

// renamed removes the streams of an app under the client_id that it gave up: whom they
// are for is nobody any more, and the app cannot reach them.
func (t *Teller) renamed(ctx context.Context, e event.Event) error {
	for _, ref := range e.Revokes {
		if ref.Kind != identity.KindClient || ref.ID == e.Data["client"] {
			continue
		}
		if err := t.forget(ctx, e, ref.ID, "the app gave its client_id up"); err != nil {
			return err
		}
	}
	return nil
}

// forget removes the streams that the app which an event is about had as a client.
func (t *Teller) forget(ctx context.Context, e event.Event, client, why string) error {
	streams, err := t.o.Store.StreamsOf(ctx, client)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.App != e.Subject.ID {
			continue
		}
		gone := removed(e.Time, s, e.Actor, why)
		if err := t.o.Store.RemoveStream(ctx, s.ID, []event.Event{gone}); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// spread puts what say makes into the streams of the receivers that hear of the
// subjects like about.
func (t *Teller) spread(ctx context.Context, like Subject, what say) error {
	var after *Subject
	known := map[string][]Stream{}
	for {
		subjects, err := t.o.Store.SubjectsWith(ctx, like, after, subjectPage)
		if err != nil || len(subjects) == 0 {
			return err
		}
		var sets []Set
		for _, of := range subjects {
			streams, ok := known[of.Receiver]
			if !ok {
				if streams, err = t.o.Store.StreamsOf(ctx, of.Receiver); err != nil {
					return err
				}
				known[of.Receiver] = streams
			}
			for _, to := range streams {
				if to.App != of.App {
					continue // of an app that had the client_id before, or has it since
				}
				switch set, err := what(ctx, to, of); {
				case err != nil:
					return err
				case set != nil:
					sets = append(sets, *set)
				}
			}
		}
		if err := t.o.Store.QueueSets(ctx, sets, MostWaiting); err != nil {
			return err
		}
		if len(subjects) < subjectPage {
			return nil
		}
		after = &subjects[len(subjects)-1]
	}
}

// everybody puts a SET into every stream.
func (t *Teller) everybody(ctx context.Context, what func(Stream) *Set) error {
	receivers, err := t.o.Store.Receivers(ctx)
	if err != nil {
		return err
	}
	return t.those(ctx, receivers, what)
}

func (t *Teller) those(ctx context.Context, receivers []string, what func(Stream) *Set) error {
	for _, receiver := range receivers {
		streams, err := t.o.Store.StreamsOf(ctx, receiver)
		if err != nil {
			return err
		}
		var sets []Set
		for _, to := range streams {
			if set := what(to); set != nil {
				sets = append(sets, *set)
			}
		}
		if err := t.o.Store.QueueSets(ctx, sets, MostWaiting); err != nil {
			return err
		}
	}
	return nil
}

// unlessGone forgives that something is not there any more: nobody is left to tell.
func unlessGone(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
