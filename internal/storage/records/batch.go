package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/records/index"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.Batcher = Store{}

// createTries bounds how often a batch begins anew when somebody else was faster with
// one of its users.
const createTries = 3

// Create implements record.Batcher. Users are made together, as far as there is no
// group between them, which may name them.
func (db Store) Create(ctx context.Context, connection string, all []record.New) ([]record.Made, error) {
	for try := 1; ; try++ {
		made := make([]record.Made, len(all))
		err := db.Transact(ctx, func(t *sqldb.Tx) error {
			b := batch{t: t, connection: connection, all: all, made: made, members: map[string]member{}}
			return b.run(ctx)
		})
		if _, raced := sqldb.IsDuplicate(err); raced && try < createTries {
			continue
		}
		if err == nil {
			db.grown(ctx, len(all))
		}
		return made, taken(err)
	}
}

// batch is a Create under way.
type batch struct {
	t          *sqldb.Tx
	connection string
	all        []record.New
	made       []record.Made
	members    map[string]member // of its groups, as far as they are known

	people, users, absences, operations, values [][]any
	derived                                     people.Derivation
	arrivals                                    []arrival
	last                                        record.Operation
}

// lock has all take their turn who arrive, and who waits. That some are to wait is found
// out first: whoever has the lock that is shared would wait for ever for the other.
func (b *batch) lock(ctx context.Context) error {
	var values []string
	for _, n := range b.all {
		if n.Group != nil {
			values = append(values, valuesOfMembers(n.Members)...)
		}
	}
	if err := resolveNew(ctx, b.t, b.connection, b.members, values); err != nil {
		return err
	}
	return arrives(ctx, b.t, b.connection)
}

func (b *batch) run(ctx context.Context) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	for begin := 0; begin < len(b.all); {
		end := begin
		for end < len(b.all) && b.all[end].User != nil {
			end++
		}
		if err := b.createUsers(ctx, begin, end); err != nil {
			return err
		}
		if end < len(b.all) {
			if err := b.createGroup(ctx, end); err != nil {
				return err
			}
			end++
		}
		begin = end
	}
	return nil
}

func (b *batch) createGroup(ctx context.Context, i int) error {
	n, m := b.all[i], &b.made[i]
	values := valuesOfMembers(n.Members)
	if i > 0 { // what stands before it in the batch
		if err := resolveMore(ctx, b.t, b.connection, b.members, values); err != nil {
			return err
		}
	}
	var err error
	m.Err, err = b.t.Attempt(ctx, func() (err error) {
		m.Group, m.Existed, err = createGroup(ctx, b.t, n.Operation, *n.Group, membersBy(b.members, values))
		return err
	}, record.ErrTaken, record.ErrNesting, record.ErrProtected)
	return err
}

// createUsers makes the users from begin up to end.
func (b *batch) createUsers(ctx context.Context, begin, end int) error {
	if begin == end {
		return nil
	}
	known, err := b.look(ctx, b.all[begin:end])
	if err != nil {
		return err
	}
	b.derived = people.Derivation{Groups: map[identity.GroupRef]people.Seen{}}
	b.people, b.users, b.absences, b.operations, b.values, b.arrivals = nil, nil, nil, nil, nil, nil
	for i := begin; i < end; i++ {
		if err := b.createUser(ctx, known, i); err != nil {
			return err
		}
	}
	return b.write(ctx, known)
}

// createUser adds what one user is made of to what is written.
func (b *batch) createUser(ctx context.Context, known *knownUsers, i int) error {
	op, u, m := b.all[i].Operation, *b.all[i].User, &b.made[i]
	u.Connection, u.Created, u.Updated, u.Version = b.connection, op.Time, op.Time, 1
	there, err := b.there(ctx, known, u)
	if err != nil {
		return err
	}
	if there != nil {
		m.User, m.Existed, m.Err = there.user, there.same, there.err
		return nil
	}
	if u.Person = b.all[i].Person; u.Person == "" && u.ExternalID != "" {
		u.Person = known.person[u.ExternalID]
	} else if owner := known.person[u.ExternalID]; u.ExternalID != "" && owner != "" && owner != u.Person {
		m.Err = record.ErrTaken.At("externalId")
		return nil
	}
	if u.Person == "" {
		u.Person = identity.NewID()
		err = b.newPerson(u, op)
	} else {
		err = b.ownPerson(ctx, u, op)
	}
	if errors.Is(err, record.ErrProtected) || b.all[i].Person != "" && errors.Is(err, directory.ErrPersonNotFound) {
		m.Err = err
		return nil
	}
	if err != nil {
		return err
	}
	known.add(u)
	m.User = u
	return b.add(op, u)
}

func (b *batch) add(op record.Operation, u record.User) error {
	body, err := json.Marshal(u.Attributes)
	if err != nil {
		return fmt.Errorf("encode user: %w", err)
	}
	left := int64(0)
	if !u.Active {
		left = sqldb.Micros(op.Time)
		b.absences = append(b.absences, absence(op, u.ID))
	}
	b.users = append(b.users, []any{
		u.ID, u.Connection, u.Person, []byte(u.ExternalID), u.UserName, NameKey(u.UserName), u.Active, string(body), sqldb.Micros(u.Created), sqldb.Micros(u.Updated), left, 1,
	})
	b.values = index.Rows(b.values, b.connection, u.ID, index.OfUser(u))
	row, err := operationRow(op.Done("User/" + u.ID))
	if err != nil {
		return err
	}
	b.operations = append(b.operations, row)
	b.arrivals = append(b.arrivals, arrival{id: u.ID, external: u.ExternalID, person: u.Person, kind: record.KindUser})
	b.last = op
	b.t.Tell(op.Provisioned(u))
	return nil
}

// newPerson makes the person of a record.
func (b *batch) newPerson(u record.User, op record.Operation) error {
	p := directory.Person{
		ID: u.Person, Profile: u.Profile(op.Policy.Domains), Created: op.Time, Updated: op.Time, Version: 1,
		Records: []directory.Record{{Connection: u.Connection, ID: u.ID, Active: u.Active}},
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	b.people = append(b.people, []any{p.ID, string(body), false, 1, people.Folded(&p), sqldb.Micros(p.Updated), 1})
	for _, w := range people.WordsOf(&p) {
		b.derived.Words = append(b.derived.Words, []any{[]byte(w), p.ID})
	}
	return nil
}

// ownPerson gives a record to who signed in with its external id before it came, or
// whose record of the same external id was deleted.
func (b *batch) ownPerson(ctx context.Context, u record.User, op record.Operation) error {
	if err := mayTouch(ctx, b.t, op, u.Person); err != nil {
		return err
	}
	return updateRecorded(ctx, b.t, u.Person, func(p *directory.Person) {
		kept := p.Records[:0]
		for _, r := range p.Records {
			if r.Connection != u.Connection || r.Active {
				kept = append(kept, r)
			}
		}
		p.Records = append(kept, directory.Record{Connection: u.Connection, ID: u.ID, Active: u.Active})
		if len(p.Identities) == 0 {
			p.Profile = u.Profile(op.Policy.Domains)
		}
		p.Updated = op.Time
	})
}

// write writes what was gathered, at once.
func (b *batch) write(ctx context.Context, known *knownUsers) error {
	err := b.t.InsertAll(ctx, append([]sqldb.Rows{
		{Insert: `INSERT INTO people (id, body, disabled, version, folded, updated, derived) VALUES `, Rows: b.people},
		{Insert: `INSERT INTO record_users (id, connection, person, external_id, user_name, name_key, active, body, created, updated, left_at, version) VALUES `, Rows: b.users},
		{Insert: index.Insert, Rows: b.values},
		{Insert: insertOperation, Rest: onOperation, Rows: b.operations},
		{Insert: insertAbsence, Rows: b.absences},
	}, b.derived.Rows()...)...)
	if err == nil {
		err = people.SaveGroups(ctx, b.t, &b.derived)
	}
	if err != nil {
		return err
	}
	return settle(ctx, b.t, b.last, known.waiting, b.arrivals)
}
