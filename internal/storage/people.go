package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var (
	_ directory.Store           = (*DB)(nil)
	_ directory.GroupStore      = (*DB)(nil)
	_ directory.GroupSearch     = (*DB)(nil)
	_ directory.ConnectionStore = (*DB)(nil)
)

// signInTries bounds how often a first sign-in begins anew when another one of
// the same subject was faster.
const signInTries = 3

const selectPerson = `SELECT body, version, derived FROM people WHERE id = $1`

func scanPerson(row sqldb.Row) (directory.Person, error) {
	p, _, err := scanDerived(row)
	return p, err
}

// scanDerived also tells whether what is derived from the row is that of its version.
func scanDerived(row sqldb.Row) (p directory.Person, current bool, err error) {
	var derived int64
	p, err = scanOne(row, &derived)
	return p, derived == p.Version, err
}

func scanOne(row sqldb.Row, derived *int64) (directory.Person, error) {
	var p directory.Person
	var body string
	var version int64
	if err := row.Scan(&body, &version, derived); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return p, directory.ErrPersonNotFound
		}
		return p, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return p, fmt.Errorf("decode person: %w", err)
	}
	p.Version = version
	return p, nil
}

// Person implements directory.Store.
func (db *DB) Person(ctx context.Context, id string) (directory.Person, error) {
	p, err := scanPerson(db.Read.QueryRowContext(ctx, selectPerson, id))
	if err == nil {
		err = withGroups(ctx, db.Read, &p)
	}
	return p, err
}

const selectByIdentity = `SELECT p.body, p.version, p.derived FROM identities i JOIN people p ON p.id = i.person WHERE i.connection = $1 AND i.subject = $2`

// PersonByIdentity implements directory.Store.
func (db *DB) PersonByIdentity(ctx context.Context, connection, subject string) (directory.Person, error) {
	p, err := scanPerson(db.Read.QueryRowContext(ctx, selectByIdentity, connection, subject))
	if err == nil {
		err = withGroups(ctx, db.Read, &p)
	}
	return p, err
}

// SignIn implements directory.Store.
func (db *DB) SignIn(ctx context.Context, key directory.Key, change func(*directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	for try := 1; ; try++ {
		p, err := db.signIn(ctx, key, change)
		if _, raced := sqldb.IsDuplicate(err); raced && try < signInTries {
			continue
		}
		if err == nil {
			err = withGroups(ctx, db.Read, &p)
		}
		return p, err
	}
}

func (db *DB) signIn(ctx context.Context, key directory.Key, change func(*directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
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
			return updatePerson(ctx, t, old, current, &next)
		}
		return insertPerson(ctx, t, &next)
	})
	return next, err
}

// owner returns the person who owns the upstream subject, nil for nobody, and
// whether what is derived from them is current.
func owner(ctx context.Context, t *sqldb.Tx, connection, subject string) (*directory.Person, bool, error) {
	p, current, err := scanDerived(t.QueryRowContext(ctx, selectByIdentity+t.ForUpdate(), connection, subject))
	if errors.Is(err, directory.ErrPersonNotFound) {
		return nil, false, nil
	}
	return &p, current, err
}

func insertPerson(ctx context.Context, t *sqldb.Tx, p *directory.Person) error {
	ownGroups(p)
	p.Version = 1
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO people (id, body, disabled, version, folded, updated, derived) VALUES ($1, $2, $3, 1, $4, $5, 1)`,
		p.ID, string(body), p.Disabled, folded(p), sqldb.Micros(p.Updated))
	if err != nil {
		return err
	}
	if err := saveIdentities(ctx, t, p, ``); err != nil {
		return err
	}
	if err := keepPerson(ctx, t, &directory.Person{}, p); err != nil {
		return err
	}
	return derive(ctx, t, &directory.Person{}, p)
}

// updatePerson replaces old, of which current tells whether what is derived from it
// is that of its version.
func updatePerson(ctx context.Context, t *sqldb.Tx, old *directory.Person, current bool, p *directory.Person) error {
	ownGroups(p)
	p.Version++
	if !current { // who wrote the row may not have known of assignments
		if err := reassign(ctx, t, p); err != nil {
			return err
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	_, err = t.ExecContext(ctx, `UPDATE people SET body = $2, disabled = $3, version = $4, folded = $5, updated = $6, derived = $4 WHERE id = $1`,
		p.ID, string(body), p.Disabled, p.Version, folded(p), sqldb.Micros(p.Updated))
	if err != nil {
		return err
	}
	// Rows that are there stay as they are: a sign-in that waits for one of them
	// would find it gone and take the person for a new one.
	if err := saveIdentities(ctx, t, p, ` ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	if err := keepPerson(ctx, t, old, p); err != nil {
		return err
	}
	if err := rowMoved(ctx, t, old, p); err != nil {
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
func (db *DB) UpdatePerson(ctx context.Context, id string, change func(directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	var next directory.Person
	err := db.Transact(ctx, func(t *sqldb.Tx) (err error) {
		next, err = changePerson(ctx, t, id, change)
		return err
	})
	return next, err
}

func changePerson(ctx context.Context, t *sqldb.Tx, id string, change func(directory.Person) (directory.Person, []event.Event, error)) (directory.Person, error) {
	old, current, err := scanDerived(t.QueryRowContext(ctx, selectPerson+t.ForUpdate(), id))
	if err != nil {
		return old, err
	}
	next, events, err := change(old)
	if err != nil {
		return next, err
	}
	t.Tell(events...)
	if next.Disabled && !old.Disabled {
		if err := endTokens(ctx, t, identity.Person(id)); err != nil {
			return next, err
		}
	}
	return next, updatePerson(ctx, t, &old, current, &next)
}

// People implements directory.Store.
func (db *DB) People(ctx context.Context, after string, limit int) ([]directory.Person, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (directory.Person, error) { return scanPeople(rows) }, `SELECT body, version FROM people WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
}

// keepPerson keeps what was of a person that why they could do something rests on.
func keepPerson(ctx context.Context, t *sqldb.Tx, old, p *directory.Person) error {
	if err := remember(ctx, t, turn{kind: pastPerson, ref: p.ID, before: personStateOf(old), after: personStateOf(p)}); err != nil {
		return err
	}
	return rememberTold(ctx, t, old, p)
}
