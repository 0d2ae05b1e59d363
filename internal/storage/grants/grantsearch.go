package grants

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/storage/sessions"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// pair is an app and a person of whom it holds something.
type pair struct{ app, person string }

// SearchAccess implements grant.Store. Pairs are read first, from the two tables
// that have some, then what each app holds.
func (db *Store) SearchAccess(ctx context.Context, q grant.Query, now time.Time) (held []grant.Held, next string, err error) {
	limit := sqldb.Limit(q.Limit)
	pairs, err := db.pairs(ctx, q, now, limit+1)
	if err != nil {
		return nil, "", err
	}
	pairs, next = sqldb.Page(pairs, limit, func(last pair) string { return sqldb.Cursor("app", last.app, last.person) })
	if len(pairs) == 0 {
		return nil, next, nil
	}
	held = make([]grant.Held, len(pairs))
	families, consents, names, err := db.heldBy(ctx, pairs)
	if err != nil {
		return nil, "", err
	}
	for i, p := range pairs {
		held[i].Person, held[i].Name = p.person, names[p.person]
		held[i].Access = grant.Sum(p.app, families[p], consents[p], now)
	}
	return held, next, nil
}

// pairs returns up to n pairs, by app and person.
func (db *Store) pairs(ctx context.Context, q grant.Query, now time.Time, n int) ([]pair, error) {
	var w sqldb.Where
	filters := func(living string, values ...any) (string, error) {
		text := w.Bind(living, values...)
		if q.Person != "" {
			text += w.Bind(` AND person = ?`, q.Person)
		}
		if q.App != "" {
			text += w.Bind(` AND app = ?`, q.App)
		}
		if q.After != "" {
			parts, ok := sqldb.ParseCursor(q.After, "app", 2)
			if !ok {
				return "", grant.ErrCursor
			}
			text += w.Bind(` AND (app, person) > (?, ?)`, parts[0], parts[1])
		}
		return text, nil
	}
	some := ` ORDER BY app, person LIMIT ` + strconv.Itoa(n)
	families, err := filters(`ended = 0 AND expires > ?`, sqldb.Micros(now))
	if err != nil {
		return nil, err
	}
	consents, err := filters(`TRUE`)
	if err != nil {
		return nil, err
	}
	return sqldb.List(ctx, db.DB, func(rows *sql.Rows) (p pair, err error) {
		err = rows.Scan(&p.app, &p.person)
		return p, err
	}, `SELECT app, person FROM (SELECT DISTINCT app, person FROM families WHERE `+families+some+`) AS granted
		UNION SELECT app, person FROM (SELECT app, person FROM consents WHERE `+consents+some+`) AS allowed`+some, w.Args...)
}

// heldBy reads what is behind the pairs.
func (db *Store) heldBy(ctx context.Context, pairs []pair) (families map[pair][]grant.Family, consents map[pair][]grant.Consent, names map[string]string, err error) {
	families, consents, names = map[pair][]grant.Family{}, map[pair][]grant.Consent{}, map[string]string{}
	var w sqldb.Where
	rows := make([]string, len(pairs))
	for i, p := range pairs {
		rows[i] = w.Bind(`(?, ?)`, p.app, p.person)
	}
	some := `WITH wanted (app, person) AS MATERIALIZED (VALUES ` + strings.Join(rows, `, `) + `) SELECT `
	_, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (none struct{}, err error) {
		f, err := scanFamily(rows.Scan)
		p := pair{f.Subject.App, f.Subject.Person}
		families[p] = append(families[p], f)
		return none, err
	}, some+`f.body, f.last_use, f.ended, f.ended_by FROM wanted w CROSS JOIN families f WHERE f.app = w.app AND f.person = w.person AND f.ended = 0`, w.Args...)
	if err != nil {
		return nil, nil, nil, err
	}
	_, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (none struct{}, err error) {
		c, err := scanConsent(rows)
		p := pair{c.App, c.Person}
		consents[p] = append(consents[p], c)
		return none, err
	}, some+`c.person, c.app, c.scopes, c.given FROM wanted w CROSS JOIN consents c WHERE c.person = w.person AND c.app = w.app`, w.Args...)
	if err != nil {
		return nil, nil, nil, err
	}
	_, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (none struct{}, err error) {
		var id string
		var body sql.NullString
		if err := rows.Scan(&id, &body); err != nil {
			return none, err
		}
		names[id], err = sessions.TitleOf(body)
		return none, err
	}, some+`p.id, p.body FROM (SELECT DISTINCT person FROM wanted) w CROSS JOIN people p WHERE p.id = w.person`, w.Args...)
	return families, consents, names, err
}
