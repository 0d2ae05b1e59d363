package people

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Search has two ways. It walks the people in the order of the list and looks for
// each whether they fit, which is quick unless few do, or those who do come last; or
// it takes everybody of one condition and sorts them, which is quick unless many fit.
// Which of them is decided by counting up to this bound, where sorting takes about
// as long as a page may.
const fewPeople = 20_000

// Condition is one that people meet, in both ways.
type Condition struct {
	// people selects the ids of those who meet it, a person perhaps twice.
	People string
	// meets is 1 for the person whose id stands in place of "@".
	Meets string
	Args  []any
}

// conditions are those of the query that an index can tell.
func conditions(q directory.Query) []Condition {
	var all []Condition
	for word := range strings.FieldsSeq(sqldb.Fold(q.Text)) {
		from, before := sqldb.PrefixRange(word)
		all = append(all, Condition{
			`SELECT person FROM person_words WHERE word >= ? AND word < ?`,
			`SELECT 1 FROM person_words WHERE person = @ AND word >= ? AND word < ? LIMIT 1`,
			[]any{from, before},
		})
	}
	if q.Connection != "" {
		all = append(all, Condition{
			`SELECT person FROM identities WHERE connection = ?`,
			`SELECT 1 FROM identities WHERE person = @ AND connection = ? LIMIT 1`,
			[]any{q.Connection},
		})
	}
	if q.Group != "" {
		all = append(all, MembersOf(q.Group))
	}
	if q.Upstream.Connection != "" || q.Upstream.ID != "" {
		told := Condition{
			`SELECT person FROM memberships WHERE connection = ? AND group_id = ?`,
			`SELECT 1 FROM memberships WHERE person = @ AND connection = ? AND group_id = ?`,
			[]any{q.Upstream.Connection, q.Upstream.ID},
		}
		all = append(all, either(told, RecordedIn(`SELECT connection, id FROM record_groups WHERE connection = ? AND id = ?`, q.Upstream.Connection, q.Upstream.ID)))
	}
	return all
}

// either is met by those who meet one of two. PostgreSQL would make a table of all who
// meet the second for an EXISTS, however few are asked for.
func either(a, b Condition) Condition {
	return Condition{
		a.People + ` UNION ALL ` + b.People, `SELECT CASE WHEN (` + a.Meets + `) IS NOT NULL OR (` + b.Meets + `) IS NOT NULL THEN 1 END`, slices.Concat(a.Args, b.Args),
	}
}

// RecordedIn is met by those whose SCIM record is in one of the groups that a query
// selects, or in a group within one.
func RecordedIn(groups string, args ...any) Condition {
	walk := ` JOIN (WITH RECURSIVE below (connection, id, depth) AS (SELECT connection, id, 1 FROM (` + groups + `) AS top UNION
		SELECT m.connection, m.member, below.depth + 1 FROM below JOIN record_members m ON m.group_id = below.id AND m.connection = below.connection
		AND m.kind = 'group' AND m.until = 0 WHERE below.depth <= ` + strconv.Itoa(record.MaxDepth) + `) SELECT DISTINCT connection, id FROM below) AS b
		ON m.group_id = b.id AND m.connection = b.connection WHERE m.until = 0 AND m.person <> ''`
	return Condition{`SELECT m.person FROM record_members m` + walk, `SELECT 1 FROM record_members m` + walk + ` AND m.person = @ LIMIT 1`, args}
}

// MembersOf is met by the members of the groups that are mapped to one of the names.
func MembersOf(names ...string) Condition {
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	named := `name IN (?` + strings.Repeat(`, ?`, len(names)-1) + `)`
	told := Condition{
		`SELECT m.person FROM group_mappings g CROSS JOIN memberships m WHERE g.` + named + ` AND m.connection = g.connection AND m.group_id = g.group_id`,
		`SELECT 1 FROM memberships m CROSS JOIN group_mappings g WHERE m.person = @ AND g.connection = m.connection AND g.group_id = m.group_id AND g.` +
			named + ` LIMIT 1`,
		args,
	}
	return either(told, RecordedIn(`SELECT connection, group_id AS id FROM group_mappings WHERE `+named, args...))
}

// CountPeople returns how many people there are: who signed in, and who was pushed or imported.
func (db *Store) CountPeople(ctx context.Context) (n int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&n)
	return n, sqldb.Translate(err)
}

// Search implements directory.Store.
func (db *Store) Search(ctx context.Context, q directory.Query) (people []directory.Person, next string, err error) {
	s := Search{Conditions: conditions(q), disabled: q.Disabled, Limit: sqldb.Limit(q.Limit), sort: q.Sort, After: q.After}
	return s.Run(ctx, db.DB)
}

// Search is a search as it is run.
type Search struct {
	Conditions []Condition
	disabled   *bool
	Limit      int
	sort       directory.Sort
	After      string
}

// Run returns a page of people, and the cursor of the next.
func (s *Search) Run(ctx context.Context, db *sqldb.DB) ([]directory.Person, string, error) {
	if s.sort == "" {
		s.sort = directory.ByName
	}
	driver, err := s.driver(ctx, db)
	if err != nil {
		return nil, "", err
	}
	limit := s.Limit
	query, args, err := s.text(driver)
	if err != nil {
		return nil, "", err
	}
	var last string // what the last row of the page is sorted by
	people, err := sqldb.List(ctx, db, func(rows *sql.Rows) (p directory.Person, err error) {
		var key string
		p, err = access.ScanPeople(rows, &key)
		if s.Limit--; s.Limit >= 0 {
			last = key
		}
		return p, err
	}, query, args...)
	if err != nil {
		return nil, "", err
	}
	cut, next := sqldb.Page(people, limit, func(p directory.Person) string { return sqldb.Cursor(string(s.sort), last, p.ID) })
	all := make([]*directory.Person, len(cut))
	for i := range cut {
		all[i] = &cut[i]
	}
	return cut, next, access.WithGroups(ctx, db.Read, all...)
}

// driver returns the condition that the fewest people meet, or -1 if it is better
// to walk.
func (s *Search) driver(ctx context.Context, db *sqldb.DB) (int, error) {
	best, least := -1, int64(fewPeople)
	for i, c := range s.Conditions {
		var w sqldb.Where
		n, err := sqldb.List(ctx, db, sqldb.ScanCount, `SELECT count(*) FROM (`+w.Bind(c.People, c.Args...)+` LIMIT `+strconv.Itoa(fewPeople)+`) AS matched`, w.Args...)
		if err != nil {
			return 0, err
		}
		if n[0] < least {
			best, least = i, n[0]
		}
	}
	return best, nil
}

// text returns the query that takes everybody of the driver's condition, or walks.
// CROSS JOIN keeps SQLite to the order in which tables are named. What is sorted is
// in one index; bodies are read of the page alone.
func (s *Search) text(driver int) (string, []any, error) {
	column := s.column()
	if column == "" {
		return "", nil, directory.ErrSort
	}
	var w sqldb.Where
	with, from, id := `WITH `, `people p`, `p.id`
	if driver >= 0 {
		c := s.Conditions[driver]
		with += w.Bind(`found AS MATERIALIZED (SELECT DISTINCT person FROM (`+c.People+`) AS matched), `, c.Args...)
		from, id = `found CROSS JOIN people p`, `found.person`
		w.Add(`p.id = found.person`)
	}
	for i, c := range s.Conditions {
		if i != driver {
			// A subquery in place of a value is not turned into a join, which would read
			// everybody who meets it.
			w.Add(`(`+strings.ReplaceAll(c.Meets, "@", id)+`) = 1`, c.Args...)
		}
	}
	if err := s.rest(&w); err != nil {
		return "", nil, err
	}
	down := ``
	if strings.HasPrefix(string(s.sort), "-") {
		down = ` DESC`
	}
	return with + `page AS MATERIALIZED (SELECT p.id, p.` + column + ` AS sorted FROM ` + from + w.String() +
		` ORDER BY p.` + column + down + `, p.id` + down + ` LIMIT ` + strconv.Itoa(s.Limit+1) + `)
		SELECT p.body, p.version, page.sorted FROM page CROSS JOIN people p WHERE p.id = page.id
		ORDER BY page.sorted` + down + `, page.id` + down, w.Args, nil
}

// rest adds the conditions that need no other table: the state, and the cursor.
func (s *Search) rest(w *sqldb.Where) error {
	switch {
	case s.disabled == nil:
	case *s.disabled:
		w.Add(`p.disabled`)
	default:
		w.Add(`NOT p.disabled`)
	}
	if s.After == "" {
		return nil
	}
	key, id, err := s.cursor()
	if err != nil {
		return err
	}
	beyond := ` > `
	if strings.HasPrefix(string(s.sort), "-") {
		beyond = ` < `
	}
	w.Add(`(p.`+s.column()+`, p.id)`+beyond+`(?, ?)`, key, id)
	return nil
}

// column is what the list is sorted by, empty for an order that it does not have.
func (s *Search) column() string {
	switch s.sort {
	case directory.ByName, directory.ByNameDown:
		return "folded"
	case directory.ByUpdated, directory.ByUpdatedDown:
		return "updated"
	default:
		return ""
	}
}

// cursor returns what the last row of the page before is sorted by.
func (s *Search) cursor() (key any, id string, err error) {
	parts, ok := sqldb.ParseCursor(s.After, string(s.sort), 2)
	if !ok {
		return nil, "", directory.ErrCursor
	}
	if s.column() == "folded" {
		return parts[0], parts[1], nil
	}
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return nil, "", directory.ErrCursor
	}
	return n, parts[1], nil
}
