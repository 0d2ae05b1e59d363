// Package records keeps the users and groups that identity providers push over SCIM, and
// whom they are: a change of a record changes its person in the same transaction, which
// ends what they may not have any more.
package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/records/index"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.UserStore = Store{}

// Store is the SCIM records of a database.
type Store struct {
	*sqldb.DB
	growth *growth
}

// New returns what SCIM connections keep in a database.
func New(db *sqldb.DB) Store { return Store{db, &growth{}} }

// Transactions take locks in one order, so that none waits for one that waits for it:
// users by id, who arrives and who waits, groups by id, the admins' counter, people, what is derived from groups,
// the connection's guard, the revocation counter.

// UserColumns are what ScanUser reads of record_users, which is called r.
const UserColumns = `r.id, r.connection, r.external_id, r.user_name, r.active, r.body, r.person, r.created, r.updated, r.version`

// ScanUser reads a user, and what else the query selects.
func ScanUser(scan func(...any) error, also ...any) (record.User, error) {
	var u record.User
	var external []byte
	var body string
	var created, updated int64
	err := scan(append([]any{&u.ID, &u.Connection, &external, &u.UserName, &u.Active, &body, &u.Person, &created, &updated, &u.Version}, also...)...)
	if err != nil {
		return u, err
	}
	u.ExternalID, u.Created, u.Updated = string(external), sqldb.FromMicros(created), sqldb.FromMicros(updated)
	if err := json.Unmarshal([]byte(body), &u.Attributes); err != nil {
		return u, fmt.Errorf("decode user: %w", err)
	}
	return u, nil
}

const selectUser = `SELECT ` + UserColumns + ` FROM record_users r WHERE r.id = $1 AND r.connection = $2 AND r.deleted = 0`

// User implements record.UserStore.
func (db Store) User(ctx context.Context, connection, id string) (record.User, error) {
	u, err := ScanUser(db.Read.QueryRowContext(ctx, selectUser, id, connection).Scan)
	return u, missingUser(err)
}

func missingUser(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return record.ErrUserNotFound
	}
	return sqldb.Translate(err)
}

// Users implements record.UserStore.
func (db Store) Users(ctx context.Context, connection string, q record.Query) (record.Page[record.User], error) {
	return index.Page(ctx, db.DB, index.Users, connection, q, index.Reading[record.User]{
		Columns: UserColumns, Scan: ScanUser, ID: func(u record.User) string { return u.ID },
	})
}

// CreateUser implements record.UserStore.
func (db Store) CreateUser(ctx context.Context, op record.Operation, u record.User) (record.User, bool, error) {
	made, err := db.Create(ctx, op.Connection, []record.New{{Operation: op, User: &u}})
	if err != nil {
		return record.User{}, false, err
	}
	return made[0].User, made[0].Existed, made[0].Err
}

// taken turns a broken unique constraint into ErrTaken.
func taken(err error) error {
	detail, ok := sqldb.IsDuplicate(err)
	switch {
	case !ok:
		return err
	case strings.Contains(detail, "external"):
		return record.ErrTaken.At("externalId")
	case strings.Contains(detail, "display"), strings.Contains(detail, "only_name"):
		return record.ErrTaken.At("displayName")
	case strings.Contains(detail, "name"):
		return record.ErrTaken.At("userName")
	}
	return err
}

// UpdateUser implements record.UserStore.
func (db Store) UpdateUser(ctx context.Context, op record.Operation, connection, id string, want record.Match, change func(record.User) (record.User, error)) (record.User, error) {
	var next record.User
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := isHalted(ctx, t, connection); err != nil {
			return err
		}
		old, err := lockUser(ctx, t, connection, id, want)
		if err != nil {
			return err
		}
		if next, err = change(old); err != nil {
			return err
		}
		next.ID, next.Connection, next.Person, next.Created, next.Version = old.ID, old.Connection, old.Person, old.Created, old.Version
		body, err := json.Marshal(next.Attributes)
		if err != nil {
			return fmt.Errorf("encode user: %w", err)
		}
		before, err := json.Marshal(old.Attributes)
		if err != nil {
			return fmt.Errorf("encode user: %w", err)
		}
		if string(before) == string(body) && next.ExternalID == old.ExternalID && next.UserName == old.UserName && next.Active == old.Active {
			next = old
			return nil
		}
		return updateUser(ctx, t, op, old, &next, string(body))
	})
	return next, taken(err)
}

// lockUser returns a user that nobody else changes meanwhile.
func lockUser(ctx context.Context, t *sqldb.Tx, connection, id string, want record.Match) (record.User, error) {
	u, err := ScanUser(t.QueryRowContext(ctx, selectUser+t.ForUpdate(), id, connection).Scan)
	if err != nil {
		return u, missingUser(err)
	}
	if want != 0 && int64(want) != u.Version {
		return u, record.ErrVersion
	}
	return u, nil
}

func updateUser(ctx context.Context, t *sqldb.Tx, op record.Operation, old record.User, next *record.User, body string) error {
	if err := mayTouch(ctx, t, op, old.Person); err != nil {
		return err
	}
	if next.ExternalID != old.ExternalID {
		if err := mayName(ctx, t, op, *next); err != nil {
			return err
		}
	}
	next.Updated = op.Time
	next.Version++
	left := int64(0)
	if !next.Active {
		left = sqldb.Micros(op.Time)
	}
	_, err := t.ExecContext(ctx, `UPDATE record_users SET external_id = $2, user_name = $3, name_key = $4, active = $5, body = $6, updated = $7, version = $8,
		left_at = CASE WHEN $5 = active THEN left_at ELSE $9 END WHERE id = $1`,
		next.ID, []byte(next.ExternalID), next.UserName, NameKey(next.UserName), next.Active, body, sqldb.Micros(next.Updated), next.Version, left)
	if err != nil {
		return err
	}
	if err := index.Change(ctx, t, op.Connection, next.ID, index.OfUser(old), index.OfUser(*next)); err != nil {
		return err
	}
	if err := operation(ctx, t, op, "User/"+next.ID); err != nil {
		return err
	}
	if next.ExternalID != old.ExternalID {
		if err := calledAnew(ctx, t, op, *next); err != nil {
			return err
		}
	}
	return userChanged(ctx, t, op, old, *next)
}

// calledAnew has a user arrive who has another external id, for which a group may wait.
func calledAnew(ctx context.Context, t *sqldb.Tx, op record.Operation, u record.User) error {
	if err := arrives(ctx, t, op.Connection); err != nil {
		return err
	}
	return arrived(ctx, t, op, arrival{id: u.ID, external: u.ExternalID, person: u.Person, kind: record.KindUser})
}

// userChanged does what the change of a record means for its person.
func userChanged(ctx context.Context, t *sqldb.Tx, op record.Operation, old, next record.User) error {
	was, is := old.Profile(op.Policy.Domains), next.Profile(op.Policy.Domains)
	t.Tell(op.Changed(next, "", was.Changes(is)...))
	switch {
	case old.Active && !next.Active:
		return leave(ctx, t, op, next, "inactive")
	case !old.Active && next.Active:
		_, err := t.ExecContext(ctx, `UPDATE record_absences SET until = $2, closed = $3 WHERE record = $1 AND until = 0`, next.ID, sqldb.Micros(op.Time), op.ID)
		if err != nil {
			return err
		}
		t.Tell(op.Returned(next))
	}
	if was == is && old.Active == next.Active {
		return nil
	}
	return updateRecorded(ctx, t, next.Person, func(p *directory.Person) {
		if was != is {
			p.Profile, p.Updated = is, op.Time
		}
		setRecord(p, directory.Record{Connection: next.Connection, ID: next.ID, Active: next.Active})
	})
}

// updateRecorded changes a person to whom a record belongs.
func updateRecorded(ctx context.Context, t *sqldb.Tx, id string, change func(*directory.Person)) error {
	old, current, err := access.ScanDerived(t.QueryRowContext(ctx, access.SelectPerson+t.ForUpdate(), id))
	if err != nil {
		return err
	}
	next := old
	next.Records = append([]directory.Record(nil), old.Records...)
	change(&next)
	return people.Update(ctx, t, &old, current, &next)
}

// setRecord adds a record to a person, or replaces it.
func setRecord(p *directory.Person, r directory.Record) {
	for i := range p.Records {
		if p.Records[i].ID == r.ID {
			p.Records[i] = r
			return
		}
	}
	p.Records = append(p.Records, r)
}

// leave makes a person leave over a connection: their sessions and refresh families
// end with the revocation, and their API tokens.
func leave(ctx context.Context, t *sqldb.Tx, op record.Operation, u record.User, why string) error {
	if err := lastAdmin(ctx, t, op, func() error {
		return updateRecorded(ctx, t, u.Person, func(p *directory.Person) {
			setRecord(p, directory.Record{Connection: u.Connection, ID: u.ID})
			p.Updated = op.Time
		})
	}); err != nil {
		return err
	}
	if err := apitokens.End(ctx, t, identity.Person(u.Person)); err != nil {
		return err
	}
	if err := t.InsertRows(ctx, insertAbsence, ``, [][]any{absence(op, u.ID)}); err != nil {
		return err
	}
	if err := gone(ctx, t, op, 1, 0); err != nil {
		return err
	}
	t.Tell(op.Left(u, why))
	return nil
}

// absence is a row that says from when on a user is not active.
func absence(op record.Operation, id string) []any { return []any{id, sqldb.Micros(op.Time), op.ID} }

const insertAbsence = `INSERT INTO record_absences (record, since, opened) VALUES `

// DeleteUser implements record.UserStore.
func (db Store) DeleteUser(ctx context.Context, op record.Operation, connection, id string, want record.Match) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := isHalted(ctx, t, connection); err != nil {
			return err
		}
		u, err := lockUser(ctx, t, connection, id, want)
		if err != nil {
			return err
		}
		if err := mayTouch(ctx, t, op, u.Person); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE record_users SET active = $2, deleted = $3, updated = $3, version = version + 1,
			left_at = CASE WHEN left_at = 0 THEN $3 ELSE left_at END WHERE id = $1`, id, false, sqldb.Micros(op.Time))
		if err == nil {
			err = index.Remove(ctx, t, id)
		}
		if err == nil {
			err = operation(ctx, t, op, "User/"+id)
		}
		if err != nil {
			return err
		}
		if u.Active {
			err = leave(ctx, t, op, u, "deleted")
		} else { // left before
			t.Tell(op.Changed(u, "deleted"))
		}
		if err != nil {
			return err
		}
		// Whoever has left lost everything by that, and not what each group gave.
		return closeAll(ctx, t, op, id)
	})
}

// NameKey is what user names and display names are unique by.
func NameKey(name string) []byte { return []byte(filter.Fold(name)) }

// lockCounter makes those who lock the same name wait for each other.
func lockCounter(ctx context.Context, t *sqldb.Tx, name string) error {
	_, err := t.ExecContext(ctx, `INSERT INTO counters (name, number) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET number = counters.number + 1`, name)
	return err
}
