package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// The kinds of thing whose history is kept.
const (
	pastApp        = "app"
	pastMapping    = "mapping"
	pastPerson     = "person"
	pastConnection = "connection"
)

// turn is what becomes of one thing: the texts are what it was and is, empty for
// nothing.
type turn struct {
	kind, ref string
	// name finds it once it is gone.
	name          string
	before, after string
}

// remember keeps a turn. What nothing was kept of began at a time that is not known.
func remember(ctx context.Context, t *sqldb.Tx, turn turn) error {
	if turn.before == turn.after {
		return nil
	}
	at, event := t.Cause()
	r, err := t.ExecContext(ctx, `UPDATE history SET until = CASE WHEN since < $3 THEN $3 ELSE since END, closed = $4 WHERE kind = $1 AND ref = $2 AND until = 0`,
		turn.kind, turn.ref, sqldb.Micros(at), event)
	if err != nil {
		return err
	}
	closed, err := r.RowsAffected()
	if err != nil {
		return err
	}
	insert := func(since, until time.Time, opened, closed, body string) error {
		_, err := t.ExecContext(ctx, `INSERT INTO history (id, kind, ref, name, since, until, opened, closed, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			identity.NewOrderedID(at), turn.kind, turn.ref, turn.name, sqldb.Micros(since), sqldb.Micros(until), opened, closed, body)
		return err
	}
	if closed == 0 && turn.before != "" {
		if err := insert(time.Time{}, at, "", event, turn.before); err != nil {
			return err
		}
	}
	if turn.after == "" {
		return nil
	}
	return insert(at, time.Time{}, event, "", turn.after)
}

// moment is what something was at a time, and what it began with.
type moment struct {
	body   string
	since  time.Time
	opened string
}

// at returns what something was at a time: the zero moment for nothing. current is what
// it is now, which it has always been if nothing was kept of it.
func (db *DB) at(ctx context.Context, kind, ref string, at time.Time, current string) (moment, error) {
	var m moment
	var since int64
	err := db.Read.QueryRowContext(ctx, `SELECT since, opened, body FROM history WHERE kind = $1 AND ref = $2 AND since <= $3 AND (until = 0 OR until > $3) ORDER BY since DESC LIMIT 1`,
		kind, ref, sqldb.Micros(at)).Scan(&since, &m.opened, &m.body)
	m.since = sqldb.FromMicros(since)
	if !errors.Is(err, sql.ErrNoRows) {
		return m, sqldb.Translate(err)
	}
	var any int
	err = db.Read.QueryRowContext(ctx, `SELECT 1 FROM history WHERE kind = $1 AND ref = $2 LIMIT 1`, kind, ref).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return moment{body: current}, nil
	}
	return moment{}, sqldb.Translate(err)
}

// known returns from when on history is kept.
func (db *DB) known(ctx context.Context) (time.Time, error) {
	var n int64
	err := db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'history'`).Scan(&n)
	return sqldb.FromMicros(n), sqldb.Translate(err)
}

// personState is what decides about a person besides groups and assignments.
type personState struct {
	Disabled   bool              `json:"disabled,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func personStateOf(p *directory.Person) string {
	if p.ID == "" {
		return ""
	}
	s := personState{Disabled: p.Disabled, Attributes: map[string]string{}}
	for _, name := range directory.Attributes() {
		if v := p.Profile.Attribute(name); v != "" {
			s.Attributes[name] = v
		}
	}
	return sqldb.JSON(s)
}

// apply makes the person as the state has them.
func (s personState) apply(p *directory.Person) {
	p.Disabled = s.Disabled
	p.Profile.Department, p.Profile.Locale = s.Attributes[directory.AttributeDepartment], s.Attributes[directory.AttributeLocale]
	p.Profile.Email, p.Profile.EmailVerified = "@"+s.Attributes[directory.AttributeEmailDomain], s.Attributes[directory.AttributeEmailDomain] != ""
}

// appState is what decides about an app: of two, only what differs in it is a turn.
func appState(a *catalog.App) string {
	if a == nil || a.ID == "" {
		return ""
	}
	kept := *a
	kept.Secrets, kept.Updated, kept.Version = nil, time.Time{}, 0
	return sqldb.JSON(kept)
}

// mappingRef names an upstream group in the history.
func mappingRef(g identity.GroupRef) string { return sqldb.JSON([]string{g.Connection, g.ID}) }
