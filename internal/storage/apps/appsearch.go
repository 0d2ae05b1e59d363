package apps

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// appOrders are the columns that apps are sorted by; those that hold times are numbers.
var appOrders = map[catalog.Sort]struct {
	column string
	number bool
}{
	catalog.ByName: {"name", false}, catalog.ByTitle: {"title", false}, catalog.ByState: {"state", false}, catalog.ByTeam: {"team", false},
	catalog.ByCreated: {"created", true}, catalog.ByUpdated: {"updated", true},
}

// SearchApps implements catalog.Store. Rows of app_facts are small, and apps are few
// enough that words are looked for in each.
func (db *Store) SearchApps(ctx context.Context, q catalog.Query) (apps []catalog.App, next string, err error) {
	if q.Sort == "" {
		q.Sort = catalog.ByName
	}
	key, down := strings.CutPrefix(string(q.Sort), "-")
	order, known := appOrders[catalog.Sort(key)]
	if !known {
		return nil, "", catalog.ErrSort
	}
	w, err := appWhere(q, order.column, order.number, down)
	if err == nil {
		err = db.knowApps(ctx)
	}
	if err == nil && q.Orphaned {
		err = db.knowOwners(ctx)
	}
	if err != nil {
		return nil, "", err
	}
	direction := ``
	if down {
		direction = ` DESC`
	}
	limit, read, last := sqldb.Limit(q.Limit), 0, ""
	apps, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (catalog.App, error) {
		var key string
		a, err := access.ScanApp(func(into ...any) error { return rows.Scan(append(into, &key)...) })
		if read++; read <= limit {
			last = key
		}
		return a, err
	}, `WITH found AS MATERIALIZED (SELECT name, `+order.column+` AS place FROM app_facts`+w.String()+
		` ORDER BY `+order.column+direction+`, name`+direction+` LIMIT `+strconv.Itoa(limit+1)+`)
		SELECT a.body, a.secrets, a.agreements, a.version, found.place FROM found JOIN apps a ON a.name = found.name ORDER BY found.place`+direction+`, found.name`+direction, w.Args...)
	if err != nil {
		return nil, "", err
	}
	apps, next = sqldb.Page(apps, limit, func(a catalog.App) string { return sqldb.Cursor(string(q.Sort), last, a.Name) })
	return apps, next, nil
}

// CountApps implements catalog.Store.
func (db *Store) CountApps(ctx context.Context) (map[catalog.State]int64, error) {
	if err := db.knowApps(ctx); err != nil {
		return nil, err
	}
	counts := map[catalog.State]int64{}
	_, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (none struct{}, err error) {
		var state catalog.State
		var n int64
		err = rows.Scan(&state, &n)
		counts[state] = n
		return none, err
	}, `SELECT state, count(*) FROM app_facts GROUP BY state`)
	return counts, err
}

// appWhere returns the conditions of a page that is sorted by the column.
func appWhere(q catalog.Query, column string, number, down bool) (*sqldb.Where, error) {
	w := &sqldb.Where{}
	within := func(column, text string) {
		w.Add(column+` LIKE ? ESCAPE '\'`, `%`+sqldb.LikeSpecial.Replace(sqldb.Fold(text))+`%`)
	}
	for word := range strings.FieldsSeq(q.Text) {
		within("words", word)
	}
	if owner := strings.TrimSpace(q.Owner); owner != "" {
		within("owner", owner)
	}
	if group := strings.TrimSpace(q.Group); group != "" {
		within("member_groups", group)
	}
	if q.Team != "" {
		w.Add(`team = ?`, q.Team)
	}
	if q.State != "" {
		w.Add(`state = ?`, string(q.State))
	}
	if q.Disabled != nil {
		w.Add(`disabled = ?`, *q.Disabled)
	}
	if q.Orphaned {
		w.Add(`EXISTS (SELECT 1 FROM app_owners o WHERE o.app = app_facts.app AND o.orphaned <> 0)`)
	}
	if q.After == "" {
		return w, nil
	}
	parts, ok := sqldb.ParseCursor(q.After, string(q.Sort), 2)
	if !ok {
		return nil, catalog.ErrCursor
	}
	var place any = parts[0]
	if number {
		n, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, catalog.ErrCursor
		}
		place = n
	}
	compare := `>`
	if down {
		compare = `<`
	}
	w.Add(`(`+column+`, name) `+compare+` (?, ?)`, place, parts[1])
	return w, nil
}

// knowApps writes the rows of apps that a broker wrote which knew nothing of them.
func (db *Store) knowApps(ctx context.Context) error {
	return db.know(ctx, derived{
		table:   `app_facts`,
		missing: `LEFT JOIN app_facts f ON f.name = a.name AND f.app = a.id AND f.version = a.version WHERE f.name IS NULL`,
		strays:  `name NOT IN (SELECT name FROM apps)`,
		save: func(ctx context.Context, t *sqldb.Tx, a catalog.App) error {
			o, err := saveAppOwner(ctx, t, a)
			if err != nil {
				return err
			}
			return saveAppFacts(ctx, t, a, o)
		},
	})
}

// derived is a table of rows that are made of apps.
type derived struct {
	table string // and the counter that says how far it is
	// missing ends a query of apps a that have no row, and strays are rows without an app.
	missing, strays string
	save            func(ctx context.Context, t *sqldb.Tx, a catalog.App) error
}

// know writes the rows that are missing in a table, and deletes those that stray.
func (db *Store) know(ctx context.Context, d derived) error {
	var all bool
	err := db.Read.QueryRowContext(ctx, `SELECT (SELECT number FROM counters WHERE name = $1) = (SELECT number FROM counters WHERE name = 'apps')`, d.table).Scan(&all)
	if err != nil || all {
		return sqldb.Translate(err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		// Whoever changes an app begins with this row.
		if _, err := t.ExecContext(ctx, `UPDATE counters SET number = number WHERE name = 'apps'`); err != nil {
			return err
		}
		missing, err := scanApps(ctx, t, d.missing)
		for i := 0; err == nil && i < len(missing); i++ {
			err = d.save(ctx, t, missing[i])
		}
		if err == nil {
			_, err = t.ExecContext(ctx, `DELETE FROM `+d.table+` WHERE `+d.strays)
		}
		if err == nil {
			_, err = t.ExecContext(ctx, `UPDATE counters SET number = (SELECT number FROM counters WHERE name = 'apps') WHERE name = $1`, d.table)
		}
		return err
	})
}

// saveAppFacts writes what an app is listed by.
func saveAppFacts(ctx context.Context, t *sqldb.Tx, a catalog.App, o ownership.Ownership) error {
	m := a.Manifest
	words := sqldb.Fold(strings.Join([]string{a.Name, m.Metadata.Title, m.Metadata.Description, a.ClientID()}, " "))
	_, err := t.ExecContext(ctx, `INSERT INTO app_facts (name, app, version, title, state, disabled, team, owner, member_groups, words, created, updated)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO UPDATE SET app = excluded.app, version = excluded.version, title = excluded.title,
		state = excluded.state, disabled = excluded.disabled, team = excluded.team, owner = excluded.owner, member_groups = excluded.member_groups, words = excluded.words,
		created = excluded.created, updated = excluded.updated`,
		a.Name, a.ID, a.Version, sqldb.Cut(sqldb.Fold(a.Title()), sqldb.MaxFolded), string(a.State()), a.Disabled, m.Spec.Owner.Team, ownerFact(o),
		foldedLines(a.Groups()), words, sqldb.Micros(a.Created), sqldb.Micros(a.Updated))
	if err != nil {
		return fmt.Errorf("app %s: %w", a.Name, err)
	}
	return nil
}

// foldedLines are texts in folded case, each on a line.
func foldedLines(all []string) string {
	lines := make([]string, len(all))
	for i, one := range all {
		lines[i] = sqldb.Fold(one)
	}
	return strings.Join(lines, "\n")
}
