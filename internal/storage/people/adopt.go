package people

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// adoption is a record that is a sign-in's.
type adoption struct {
	id, person string
	active     bool
	deleted    int64
}

// recordOf returns the record that a sign-in names by its external id, without an id
// for none: the one that is there, or else the last that was. It stays as it is until
// the transaction ends.
func recordOf(ctx context.Context, t *sqldb.Tx, key directory.Key) (a adoption, err error) {
	if key.ExternalID == "" {
		return a, nil
	}
	external := []byte(key.ExternalID)
	for _, where := range []string{`deleted = 0 AND length(external_id) > 0`, `deleted <> 0`} {
		err = t.QueryRowContext(ctx, `SELECT id, person, active, deleted FROM record_users WHERE connection = $1 AND external_id = $2 AND `+where+
			` ORDER BY deleted DESC LIMIT 1`+t.ForUpdate(), key.Connection, external).Scan(&a.id, &a.person, &a.active, &a.deleted)
		if !errors.Is(err, sql.ErrNoRows) {
			return a, err
		}
	}
	return adoption{}, nil
}

// adopt makes the record that a sign-in names its person's. old is who owns the
// subject, nil for nobody.
func adopt(ctx context.Context, t *sqldb.Tx, a adoption, key directory.Key, old *directory.Person, current bool) (*directory.Person, bool, error) {
	switch {
	case a.id == "":
		return old, current, nil
	case old == nil:
		return firstOwner(ctx, t, a, key.Connection)
	case old.ID == a.person:
		return old, current, nil
	case key.Spared != nil && (!a.active || a.deleted != 0):
		if spared, err := AnyRole(ctx, t, key.Spared, old.ID); err != nil || spared {
			return old, current, err
		}
	}
	// Who signed in before the record came has it from now on, and nobody has the
	// person that was made for it, unless that one signed in by another connection.
	of := slices.IndexFunc(old.Records, func(r directory.Record) bool { return r.ID == a.id })
	if of < 0 {
		old.Records = append(slices.Clone(old.Records), directory.Record{ID: a.id, Active: a.active && a.deleted == 0})
		of = len(old.Records) - 1
	}
	var err error
	if old.Records[of].Connection, err = moveRecord(ctx, t, a, old.ID); err != nil {
		return old, current, err
	}
	return old, current, abandon(ctx, t, a)
}

// firstOwner returns whose record a subject has that nobody owns. Its person is that one
// unless another subject of the connection is theirs: an external id that went from one
// to the other, as names do that are given anew, makes nobody of who had it before,
// whose browsers are still signed in. The record goes to a person of its own then.
func firstOwner(ctx context.Context, t *sqldb.Tx, a adoption, connection string) (*directory.Person, bool, error) {
	p, current, err := access.ScanDerived(t.QueryRowContext(ctx, access.SelectPerson+t.ForUpdate(), a.person))
	if err != nil || !slices.ContainsFunc(p.Identities, func(i directory.Identity) bool { return i.Connection == connection }) {
		return &p, current, err
	}
	var since int64
	if err := t.QueryRowContext(ctx, `SELECT created FROM record_users WHERE id = $1`, a.id).Scan(&since); err != nil {
		return nil, false, err
	}
	next := directory.Person{
		ID: identity.NewID(), Created: sqldb.FromMicros(since), Updated: sqldb.FromMicros(since),
		Records: []directory.Record{{Connection: connection, ID: a.id, Active: a.active && a.deleted == 0}},
	}
	if err := insertPerson(ctx, t, &next); err != nil {
		return nil, false, err
	}
	if _, err := moveRecord(ctx, t, a, next.ID); err != nil {
		return nil, false, err
	}
	return &next, true, abandon(ctx, t, a)
}

// moveRecord gives a record and its memberships to a person.
func moveRecord(ctx context.Context, t *sqldb.Tx, a adoption, person string) (connection string, err error) {
	err = t.QueryRowContext(ctx, `UPDATE record_users SET person = $2 WHERE id = $1 RETURNING connection`, a.id, person).Scan(&connection)
	if err == nil {
		_, err = t.ExecContext(ctx, `UPDATE record_members SET person = $2 WHERE member = $1`, a.id, person)
	}
	return connection, err
}

// abandon takes a record away from the person who was made for it, and the person,
// who never signed in, with it.
func abandon(ctx context.Context, t *sqldb.Tx, a adoption) error {
	p, current, err := access.ScanDerived(t.QueryRowContext(ctx, access.SelectPerson+t.ForUpdate(), a.person))
	if err != nil {
		return err
	}
	next := p
	next.Records = slices.DeleteFunc(slices.Clone(p.Records), func(r directory.Record) bool { return r.ID == a.id })
	if len(next.Identities)+len(next.Records) > 0 {
		return Update(ctx, t, &p, current, &next)
	}
	for _, statement := range []string{
		`DELETE FROM person_words WHERE person = $1`, `DELETE FROM memberships WHERE person = $1`,
		`DELETE FROM role_assignments WHERE person = $1`, `DELETE FROM people WHERE id = $1`,
	} {
		if _, err := t.ExecContext(ctx, statement, a.person); err != nil {
			return err
		}
	}
	return apitokens.End(ctx, t, identity.Person(a.person))
}

// AnyRole is met by whoever has a role by an assignment or by a group, or is protected
// by name. Owners of apps are not: they are teams, whose people come and go. What the
// last sign-in told counts also when it holds no more: an administrator who slept is one.
func AnyRole(ctx context.Context, t *sqldb.Tx, roles []string, person string) (bool, error) {
	var has bool
	err := t.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM role_assignments WHERE person = $1 AND role <> $2)
		OR EXISTS (SELECT 1 FROM record_protected WHERE kind = 'person' AND ref = $1)`, person, string(admin.AppOwner)).Scan(&has)
	if err != nil || has || len(roles) == 0 {
		return has, err
	}
	p, err := access.ScanPerson(t.QueryRowContext(ctx, access.SelectPerson, person))
	if err != nil {
		return false, err
	}
	if err := access.WithGroups(ctx, t, &p); err != nil {
		return false, err
	}
	for _, m := range p.Groups {
		args := []any{m.Group.Connection, m.Group.ID}
		for _, r := range sqldb.Padded(roles) {
			args = append(args, r)
		}
		err := t.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM group_mappings WHERE connection = $1 AND group_id = $2 AND name IN (`+
			sqldb.Numbered(3, len(args)-2)+`))`, args...).Scan(&has)
		if err != nil || has {
			return has, err
		}
	}
	return false, nil
}
