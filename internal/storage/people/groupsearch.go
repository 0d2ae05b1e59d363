package people

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// A name that manifests use has these marks and ASCII letters only, so that both
// engines fold it alike.
const (
	selectGroups = ` FROM upstream_groups u LEFT JOIN group_mappings m ON m.connection = u.connection AND m.group_id = u.group_id`
	nameWords    = `replace(replace(replace(replace(lower(m.name), '.', ' '), '_', ' '), ':', ' '), '-', ' ')`
	groupText    = `(u.words LIKE ? ESCAPE '\' OR ' ' || lower(m.name) LIKE ? ESCAPE '\' OR ' ' || ` + nameWords + ` LIKE ? ESCAPE '\')`
)

// groupOrders are the columns that groups are sorted by.
var groupOrders = map[directory.Sort]string{
	directory.ByName: "folded", directory.ByNameDown: "folded",
	directory.ByMembers: "members", directory.ByMembersDown: "members",
	directory.ByLastSeen: "last_seen", directory.ByLastSeenDown: "last_seen",
}

// SearchGroups implements directory.GroupSearch. Groups are few enough that words
// are looked for in each.
func (db *Store) SearchGroups(ctx context.Context, q directory.GroupQuery) (groups []directory.Group, next string, err error) {
	if q.Sort == "" {
		q.Sort = directory.ByName
	}
	column, ok := groupOrders[q.Sort]
	if !ok {
		return nil, "", directory.ErrSort
	}
	w, err := groupWhere(q, column)
	if err != nil {
		return nil, "", err
	}
	order := ``
	if strings.HasPrefix(string(q.Sort), "-") {
		order = ` DESC`
	}
	limit, read, last := sqldb.Limit(q.Limit), 0, ""
	groups, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (directory.Group, error) {
		var key string
		g, err := scanGroup(rows.Scan, &key)
		if read++; read <= limit {
			last = key
		}
		return g, err
	}, `SELECT `+groupColumns+`, u.`+column+selectGroups+w.String()+
		` ORDER BY u.`+column+order+`, u.connection`+order+`, u.group_id`+order+` LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	groups, next = sqldb.Page(groups, limit, func(g directory.Group) string {
		return sqldb.Cursor(string(q.Sort), last, g.Ref.Connection, g.Ref.ID)
	})
	return groups, next, nil
}

func groupWhere(q directory.GroupQuery, column string) (*sqldb.Where, error) {
	var w sqldb.Where
	for word := range strings.FieldsSeq(sqldb.Fold(q.Text)) {
		pattern := "% " + sqldb.LikeSpecial.Replace(sqldb.Cut(word, sqldb.MaxWord)) + "%"
		w.Add(groupText, pattern, pattern, pattern)
	}
	if q.Connection != "" {
		w.Add(`u.connection = ?`, q.Connection)
	}
	if q.Mapped != nil && *q.Mapped {
		w.Add(`m.name IS NOT NULL`)
	} else if q.Mapped != nil {
		w.Add(`m.name IS NULL`)
	}
	if q.After == "" {
		return &w, nil
	}
	parts, ok := sqldb.ParseCursor(q.After, string(q.Sort), 3)
	if !ok {
		return nil, directory.ErrCursor
	}
	var key any = parts[0]
	if column != "folded" {
		n, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, directory.ErrCursor
		}
		key = n
	}
	beyond := ` > `
	if strings.HasPrefix(string(q.Sort), "-") {
		beyond = ` < `
	}
	w.Add(`(u.`+column+`, u.connection, u.group_id)`+beyond+`(?, ?, ?)`, key, parts[1], parts[2])
	return &w, nil
}

const groupColumns = `u.connection, u.group_id, u.display, coalesce(m.name, ''), u.members, u.first_seen, u.last_seen`

// scanGroup scans a group and what else the query selects.
func scanGroup(scan func(...any) error, also ...any) (directory.Group, error) {
	var g directory.Group
	var first, last int64
	err := scan(append([]any{&g.Ref.Connection, &g.Ref.ID, &g.DisplayName, &g.Name, &g.Members, &first, &last}, also...)...)
	g.FirstSeen, g.LastSeen = sqldb.FromMicros(first), sqldb.FromMicros(last)
	return g, err
}

// Group implements directory.GroupSearch.
func (db *Store) Group(ctx context.Context, ref identity.GroupRef) (directory.Group, error) {
	found, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (directory.Group, error) { return scanGroup(rows.Scan) },
		`SELECT `+groupColumns+selectGroups+` WHERE u.connection = $1 AND u.group_id = $2`, ref.Connection, ref.ID)
	if err == nil && len(found) == 0 {
		err = directory.ErrGroupNotFound
	}
	if err != nil {
		return directory.Group{}, err
	}
	return found[0], nil
}
