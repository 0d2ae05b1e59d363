// Package people keeps people and what they are found by, the groups that they are in,
// the names that groups have here, and whether connections are on. A sign-in is here:
// it finds its person by the subject, or by the record that SCIM made.
package people

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the people and the groups of a database: directory.Store.
type Store struct{ *sqldb.DB }

var (
	_ directory.Store           = (*Store)(nil)
	_ directory.GroupStore      = (*Store)(nil)
	_ directory.GroupSearch     = (*Store)(nil)
	_ directory.ConnectionStore = (*Store)(nil)
)

// signInTries bounds how often a first sign-in begins anew when another one of
// the same subject was faster.
const signInTries = 3

// Person implements directory.Store.
func (db *Store) Person(ctx context.Context, id string) (directory.Person, error) {
	p, err := access.ScanPerson(db.Read.QueryRowContext(ctx, access.SelectPerson, id))
	if err == nil {
		err = access.WithGroups(ctx, db.Read, &p)
	}
	return p, err
}

const selectByIdentity = `SELECT p.body, p.version, p.derived FROM identities i JOIN people p ON p.id = i.person WHERE i.connection = $1 AND i.subject = $2`

// PersonByIdentity implements directory.Store.
func (db *Store) PersonByIdentity(ctx context.Context, connection, subject string) (directory.Person, error) {
	p, err := access.ScanPerson(db.Read.QueryRowContext(ctx, selectByIdentity, connection, subject))
	if err == nil {
		err = access.WithGroups(ctx, db.Read, &p)
	}
	return p, err
}

// SignIn implements directory.Store.
func (db *Store) SignIn(ctx context.Context, key directory.Key, change func(*directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	for try := 1; ; try++ {
		p, err := db.signIn(ctx, key, change)
		if _, raced := sqldb.IsDuplicate(err); raced && try < signInTries {
			continue
		}
		if err == nil {
			err = access.WithGroups(ctx, db.Read, &p)
		}
		return p, err
	}
}

func (db *Store) signIn(ctx context.Context, key directory.Key, change func(*directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	var next directory.Person
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		named, err := recordOf(ctx, t, key)
		if err != nil {
			return err
		}
		old, current, err := owner(ctx, t, key.Connection, key.Subject)
		if err == nil {
			old, current, err = adopt(ctx, t, named, key, old, current)
		}
		if err != nil {
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		t.Tell(events...)
		if old != nil {
			return Update(ctx, t, old, current, &next)
		}
		return insertPerson(ctx, t, &next)
	})
	return next, err
}

// owner returns the person who owns the upstream subject, nil for nobody, and
// whether what is derived from them is current.
func owner(ctx context.Context, t *sqldb.Tx, connection, subject string) (*directory.Person, bool, error) {
	p, current, err := access.ScanDerived(t.QueryRowContext(ctx, selectByIdentity+t.ForUpdate(), connection, subject))
	if errors.Is(err, directory.ErrPersonNotFound) {
		return nil, false, nil
	}
	return &p, current, err
}

func insertPerson(ctx context.Context, t *sqldb.Tx, p *directory.Person) error {
	access.OwnGroups(p)
	p.Version = 1
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO people (id, body, disabled, version, folded, updated, derived) VALUES ($1, $2, $3, 1, $4, $5, 1)`,
		p.ID, string(body), p.Disabled, Folded(p), sqldb.Micros(p.Updated))
	if err != nil {
		return err
	}
	if err := saveIdentities(ctx, t, p, ``); err != nil {
		return err
	}
	if err := Keep(ctx, t, &directory.Person{}, p); err != nil {
		return err
	}
	return derive(ctx, t, &directory.Person{}, p)
}

// Update replaces old, of which current tells whether what is derived from it
// is that of its version.
func Update(ctx context.Context, t *sqldb.Tx, old *directory.Person, current bool, p *directory.Person) error {
	access.OwnGroups(p)
	p.Version++
	if !current { // who wrote the row may not have known of assignments
		if err := access.Reassign(ctx, t, p); err != nil {
			return err
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	_, err = t.ExecContext(ctx, `UPDATE people SET body = $2, disabled = $3, version = $4, folded = $5, updated = $6, derived = $4 WHERE id = $1`,
		p.ID, string(body), p.Disabled, p.Version, Folded(p), sqldb.Micros(p.Updated))
	if err != nil {
		return err
	}
	// Rows that are there stay as they are: a sign-in that waits for one of them
	// would find it gone and take the person for a new one.
	if err := saveIdentities(ctx, t, p, ` ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	if err := Keep(ctx, t, old, p); err != nil {
		return err
	}
	if err := access.RowMoved(ctx, t, old, p); err != nil {
		return err
	}
	if !current {
		return deriveAnew(ctx, t, p)
	}
	return derive(ctx, t, old, p)
}

// saveIdentities adds the person's identities; conflict says what becomes of one
// that is there.
func saveIdentities(ctx context.Context, t *sqldb.Tx, p *directory.Person, conflict string) error {
	for _, i := range p.Identities {
		_, err := t.ExecContext(ctx, `INSERT INTO identities (connection, subject, person) VALUES ($1, $2, $3)`+conflict, i.Connection, i.Subject, p.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// UpdatePerson implements directory.Store.
func (db *Store) UpdatePerson(ctx context.Context, id string, change func(directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	var next directory.Person
	err := db.Transact(ctx, func(t *sqldb.Tx) (err error) {
		next, err = Change(ctx, t, id, change)
		return err
	})
	return next, err
}

// Change changes a person in a transaction, and ends the API tokens of one whom it disables.
func Change(ctx context.Context, t *sqldb.Tx, id string, change func(directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	old, current, err := access.ScanDerived(t.QueryRowContext(ctx, access.SelectPerson+t.ForUpdate(), id))
	if err != nil {
		return old, err
	}
	next, events, err := change(old)
	if err != nil {
		return next, err
	}
	t.Tell(events...)
	if next.Disabled && !old.Disabled {
		if err := apitokens.End(ctx, t, identity.Person(id)); err != nil {
			return next, err
		}
	}
	return next, Update(ctx, t, &old, current, &next)
}

// People implements directory.Store.
func (db *Store) People(ctx context.Context, after string, limit int) ([]directory.Person, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (directory.Person, error) { return access.ScanPeople(rows) }, `SELECT body, version FROM people WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

// Keep keeps what was of a person that why they could do something rests on.
func Keep(ctx context.Context, t *sqldb.Tx, old, p *directory.Person) error {
	if err := access.Remember(ctx, t, access.Turn{Kind: access.PastPerson, Ref: p.ID, Before: access.PersonStateOf(old), After: access.PersonStateOf(p)}); err != nil {
		return err
	}
	return rememberTold(ctx, t, old, p)
}
