package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ porting.People = (*Store)(nil)

// kept are the people of the database.
func (db *Store) kept() *people.Store { return &people.Store{DB: db.DB} }

// Person implements porting.People.
func (db *Store) Person(ctx context.Context, id string) (directory.Person, error) {
	return db.kept().Person(ctx, id)
}

// putTries bounds how often a batch begins anew when a sign-in was faster with one of
// its subjects.
const putTries = 3

// PutPeople implements porting.People.
func (db *Store) PutPeople(ctx context.Context, put porting.Put) ([]porting.Landed, error) {
	for try := 1; ; try++ {
		var landed []porting.Landed
		dry := false
		err := db.Transact(ctx, func(t *sqldb.Tx) (err error) {
			l := landing{
				t: t, put: &put, people: map[string]*standing{}, owners: map[porting.Identity]string{}, words: people.Derivation{Groups: map[identity.GroupRef]people.Seen{}},
			}
			if landed, err = l.run(ctx); err == nil && put.Dry {
				dry, err = true, porting.ErrState // what was looked at is let go
			}
			return err
		})
		if dry {
			return landed, nil
		}
		if _, raced := sqldb.IsDuplicate(err); raced && try < putTries {
			continue
		}
		return landed, err
	}
}

// landing is a batch of people under way.
type landing struct {
	t   *sqldb.Tx
	put *porting.Put
	// people are those who are there, by id, and owners the ids of who has a subject: those
	// whom the batch makes are among them.
	people map[string]*standing
	owners map[porting.Identity]string
	// rows and identities are of new people, words what they are found by.
	rows, identities [][]any
	words            people.Derivation
}

// standing is a person who is there, and whether what is derived from them is current.
type standing struct {
	directory.Person

	current bool
}

func (l *landing) run(ctx context.Context) ([]porting.Landed, error) {
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	landed := make([]porting.Landed, len(l.put.People))
	for n := range l.put.People {
		var err error
		if landed[n], err = l.one(ctx, &l.put.People[n]); err != nil {
			return nil, err
		}
	}
	if l.put.Dry {
		return landed, nil
	}
	return landed, l.write(ctx)
}

// one is what becomes of one person.
func (l *landing) one(ctx context.Context, p *porting.Landing) (porting.Landed, error) {
	owners := make([]*directory.Person, len(p.Identities))
	for n, i := range p.Identities {
		if has := l.people[l.owners[i]]; has != nil {
			owners[n] = &has.Person
		}
	}
	var named *directory.Person
	if has := l.people[p.ID]; has != nil && p.ID != "" {
		named = &has.Person
	}
	next, events, refused := p.Onto(owners, named, l.put)
	if refused != nil {
		return porting.Landed{Err: refused}, nil //nolint:nilerr // it is the line's own, and the others go on
	}
	old := l.people[next.ID]
	if old == nil {
		l.t.Tell(events...)
		return porting.Landed{ID: next.ID, Outcome: porting.Create}, l.add(ctx, next)
	}
	if len(events) == 0 {
		return porting.Landed{ID: next.ID, Outcome: porting.Unchanged}, nil
	}
	protected, err := people.AnyRole(ctx, l.t, l.put.Roles, next.ID)
	if err != nil || protected {
		return porting.Landed{Err: porting.ErrProtected}, err
	}
	landed := porting.Landed{ID: next.ID, Outcome: porting.Change}
	if !l.put.Dry {
		err = l.change(ctx, old, &next, events)
	}
	l.people[next.ID] = &standing{next, true} // for another line of the same person
	return landed, err
}

// change changes somebody who is there.
func (l *landing) change(ctx context.Context, old *standing, next *directory.Person, events []event.Event) error {
	l.t.Tell(events...)
	if next.Disabled && !old.Disabled {
		if err := apitokens.End(ctx, l.t, identity.Person(next.ID)); err != nil {
			return err
		}
	}
	return people.Update(ctx, l.t, &old.Person, old.current, next)
}

// add makes somebody.
func (l *landing) add(ctx context.Context, p directory.Person) error {
	p.Version = 1
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	l.people[p.ID] = &standing{p, true}
	l.rows = append(l.rows, []any{p.ID, string(body), p.Disabled, 1, people.Folded(&p), sqldb.Micros(p.Updated), 1})
	for _, i := range p.Identities {
		l.owners[porting.Identity{Connection: i.Connection, Subject: i.Subject}] = p.ID
		l.identities = append(l.identities, []any{i.Connection, i.Subject, p.ID})
	}
	for _, w := range people.WordsOf(&p) {
		l.words.Words = append(l.words.Words, []any{[]byte(w), p.ID})
	}
	if l.put.Dry || !p.Disabled {
		return nil
	}
	return people.Keep(ctx, l.t, &directory.Person{}, &p)
}

// write writes new people, with few statements.
func (l *landing) write(ctx context.Context) error {
	err := l.t.InsertRows(ctx, `INSERT INTO people (id, body, disabled, version, folded, updated, derived) VALUES `, ``, l.rows)
	if err == nil {
		err = l.t.InsertRows(ctx, `INSERT INTO identities (connection, subject, person) VALUES `, ``, l.identities)
	}
	if err != nil {
		return err
	}
	return people.SaveDerived(ctx, l.t, &l.words)
}

// look finds who is there already of the batch: whose the subjects are, and who has the
// ids. Nobody changes them until the transaction ends.
func (l *landing) look(ctx context.Context) error {
	subjects, ids := map[string][]string{}, []string{}
	for _, p := range l.put.People {
		if p.ID != "" {
			ids = append(ids, p.ID)
		}
		for _, i := range p.Identities {
			subjects[i.Connection] = append(subjects[i.Connection], i.Subject)
		}
	}
	for connection, all := range subjects {
		for part := range slices.Chunk(all, sqldb.MostValues) {
			for _, look := range []func(context.Context, string, []string) ([]string, error){l.lookFor, l.lookForRecords} {
				found, err := look(ctx, connection, part)
				if err != nil {
					return err
				}
				ids = append(ids, found...)
			}
		}
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), sqldb.MostValues) {
		args := make([]any, 0, len(part))
		for _, id := range sqldb.Padded(part) {
			args = append(args, id)
		}
		_, err := sqldb.Collect(ctx, l.t, func(rows *sql.Rows) (struct{}, error) {
			var body string
			var p directory.Person
			var version, derived int64
			err := rows.Scan(&body, &version, &derived)
			if err == nil {
				err = json.Unmarshal([]byte(body), &p)
			}
			p.Version = version
			l.people[p.ID] = &standing{p, derived == version}
			return struct{}{}, err
		}, `SELECT body, version, derived FROM people WHERE id IN (`+sqldb.Numbered(1, len(args))+`) ORDER BY id`+l.lock(), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// lookFor finds whose subjects of a connection are, and returns their ids.
func (l *landing) lookFor(ctx context.Context, connection string, subjects []string) ([]string, error) {
	args := []any{connection}
	for _, s := range sqldb.Padded(subjects) {
		args = append(args, s)
	}
	return sqldb.Collect(ctx, l.t, func(rows *sql.Rows) (id string, err error) {
		i := porting.Identity{Connection: connection}
		err = rows.Scan(&i.Subject, &id)
		l.owners[i] = id
		return id, err
	}, `SELECT subject, person FROM identities WHERE connection = $1 AND subject IN (`+sqldb.Numbered(2, len(args)-1)+`)`, args...)
}

// lookForRecords finds whose subjects are to be that nobody owns, and returns their ids: a
// first sign-in is theirs whose record, which is there or else was last, has the subject
// as its external id, unless another subject of the connection is (see firstOwner).
func (l *landing) lookForRecords(ctx context.Context, connection string, subjects []string) (ids []string, err error) {
	args := []any{connection}
	for _, s := range sqldb.Padded(subjects) {
		args = append(args, []byte(s))
	}
	for _, where := range []string{`r.deleted = 0 AND length(r.external_id) > 0`, `r.deleted <> 0`} {
		found, err := sqldb.Collect(ctx, l.t, func(rows *sql.Rows) (id string, err error) {
			var external []byte
			err = rows.Scan(&external, &id)
			if i := (porting.Identity{Connection: connection, Subject: string(external)}); l.owners[i] == "" {
				l.owners[i] = id
			}
			return id, err
		}, `SELECT r.external_id, r.person FROM record_users r WHERE r.connection = $1 AND `+where+` AND r.external_id IN (`+sqldb.Numbered(2, len(args)-1)+`)
			AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.person = r.person AND i.connection = r.connection) ORDER BY r.deleted DESC`, args...)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	return ids, nil
}

func (l *landing) lock() string {
	if l.put.Dry {
		return ``
	}
	return l.t.ForUpdate()
}
