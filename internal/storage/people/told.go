package people

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// rememberTold keeps what becomes of the memberships that sign-ins told of.
func rememberTold(ctx context.Context, t *sqldb.Tx, old, p *directory.Person) error {
	now, event := t.Cause()
	next := toldOf(p)
	until := map[string]time.Time{} // by connection, of what goes on
	for g, was := range toldOf(old) {
		is, there := next[g]
		switch {
		case there && is.Since.IsZero(): // from before this was kept
		case there && is.Since.Equal(was.Since):
			if is.ValidUntil.After(was.ValidUntil) {
				until[g.Connection] = is.ValidUntil
			}
			delete(next, g)
		case was.Holds(now):
			if err := closeTold(ctx, t, p.ID, was, now, event); err != nil {
				return err
			}
		}
	}
	for connection, end := range until {
		_, err := t.ExecContext(ctx, `UPDATE told_members SET until = $3 WHERE person = $1 AND connection = $2 AND until > $4 AND until < $3`,
			p.ID, connection, sqldb.Micros(end), sqldb.Micros(now))
		if err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(next))
	for g, m := range next {
		rows = append(rows, []any{p.ID, g.Connection, g.ID, sqldb.Micros(m.Since), sqldb.Micros(m.ValidUntil), m.Origin})
	}
	return t.InsertRows(ctx, `INSERT INTO told_members (person, connection, group_id, since, until, opened) VALUES `,
		` ON CONFLICT (person, connection, group_id, since) DO UPDATE SET until = excluded.until`, rows)
}

// closeTold ends a membership that a sign-in told of no more. What nothing was kept of
// began at a time that is not known.
func closeTold(ctx context.Context, t *sqldb.Tx, person string, m directory.Membership, now time.Time, event string) error {
	_, err := t.ExecContext(ctx, `INSERT INTO told_members (person, connection, group_id, since, until, opened, closed) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (person, connection, group_id, since) DO UPDATE SET until = excluded.until, closed = excluded.closed`,
		person, m.Group.Connection, m.Group.ID, sqldb.Micros(m.Since), sqldb.Micros(now), m.Origin, event)
	return err
}

// toldOf returns the memberships that sign-ins told of.
func toldOf(p *directory.Person) map[identity.GroupRef]directory.Membership {
	told := map[identity.GroupRef]directory.Membership{}
	for _, m := range p.Groups {
		if m.Source == directory.SourceSignIn {
			told[m.Group] = m
		}
	}
	return told
}
