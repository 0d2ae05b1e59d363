package access

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
	PastApp        = "app"
	PastMapping    = "mapping"
	PastPerson     = "person"
	PastConnection = "connection"
)

// Turn is what becomes of one thing: the texts are what it was and is, empty for
// nothing.
type Turn struct {
	Kind, Ref string
	// name finds it once it is gone.
	Name          string
	Before, After string
}

// Remember keeps a turn. What nothing was kept of began at a time that is not known.
func Remember(ctx context.Context, t *sqldb.Tx, turn Turn) error {
	if turn.Before == turn.After {
		return nil
	}
	at, event := t.Cause()
	r, err := t.ExecContext(ctx, `UPDATE history SET until = CASE WHEN since < $3 THEN $3 ELSE since END, closed = $4 WHERE kind = $1 AND ref = $2 AND until = 0`,
		turn.Kind, turn.Ref, sqldb.Micros(at), event)
	if err != nil {
		return err
	}
	closed, err := r.RowsAffected()
	if err != nil {
		return err
	}
	insert := func(since, until time.Time, opened, closed, body string) error {
		_, err := t.ExecContext(ctx, `INSERT INTO history (id, kind, ref, name, since, until, opened, closed, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			identity.NewOrderedID(at), turn.Kind, turn.Ref, turn.Name, sqldb.Micros(since), sqldb.Micros(until), opened, closed, body)
		return err
	}
	if closed == 0 && turn.Before != "" {
		if err := insert(time.Time{}, at, "", event, turn.Before); err != nil {
			return err
		}
	}
	if turn.After == "" {
		return nil
	}
	return insert(at, time.Time{}, event, "", turn.After)
}

// Moment is what something was at a time, and what it began with.
type Moment struct {
	Body   string
	Since  time.Time
	Opened string
}

// Past returns what something was at a time: the zero moment for nothing. current is what
// it is now, which it has always been if nothing was kept of it.
func Past(ctx context.Context, db *sqldb.DB, kind, ref string, at time.Time, current string) (Moment, error) {
	var m Moment
	var since int64
	err := db.Read.QueryRowContext(ctx, `SELECT since, opened, body FROM history WHERE kind = $1 AND ref = $2 AND since <= $3 AND (until = 0 OR until > $3) ORDER BY since DESC LIMIT 1`,
		kind, ref, sqldb.Micros(at)).Scan(&since, &m.Opened, &m.Body)
	m.Since = sqldb.FromMicros(since)
	if !errors.Is(err, sql.ErrNoRows) {
		return m, sqldb.Translate(err)
	}
	var any int
	err = db.Read.QueryRowContext(ctx, `SELECT 1 FROM history WHERE kind = $1 AND ref = $2 LIMIT 1`, kind, ref).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return Moment{Body: current}, nil
	}
	return Moment{}, sqldb.Translate(err)
}

// KnownSince returns from when on history is kept.
func KnownSince(ctx context.Context, db *sqldb.DB) (time.Time, error) {
	var n int64
	err := db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'history'`).Scan(&n)
	return sqldb.FromMicros(n), sqldb.Translate(err)
}

// PersonState is what decides about a person besides groups and assignments.
type PersonState struct {
	Disabled   bool              `json:"disabled,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// PersonStateOf is the state of a person as history keeps it, empty for nobody.
func PersonStateOf(p *directory.Person) string {
	if p.ID == "" {
		return ""
	}
	s := PersonState{Disabled: p.Disabled, Attributes: map[string]string{}}
	for _, name := range directory.Attributes() {
		if v := p.Profile.Attribute(name); v != "" {
			s.Attributes[name] = v
		}
	}
	return sqldb.JSON(s)
}

// Apply makes the person as the state has them.
func (s PersonState) Apply(p *directory.Person) {
	p.Disabled = s.Disabled
	p.Profile.Department, p.Profile.Locale = s.Attributes[directory.AttributeDepartment], s.Attributes[directory.AttributeLocale]
	p.Profile.Email, p.Profile.EmailVerified = "@"+s.Attributes[directory.AttributeEmailDomain], s.Attributes[directory.AttributeEmailDomain] != ""
}

// AppState is what decides about an app: of two, only what differs in it is a turn.
func AppState(a *catalog.App) string {
	if a == nil || a.ID == "" {
		return ""
	}
	kept := *a
	kept.Secrets, kept.Updated, kept.Version = nil, time.Time{}, 0
	return sqldb.JSON(kept)
}

// MappingRef names an upstream group in the history.
func MappingRef(g identity.GroupRef) string { return sqldb.JSON([]string{g.Connection, g.ID}) }
