package imports

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/records"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var (
	_ porting.Found     = (*Store)(nil)
	_ porting.Directory = (*Store)(nil)
)

// finder looks for records by values of a column.
type finder struct {
	connection string
	on         sqldb.Querier
}

// in runs a query for values, some at a time: the query begins with those of the
// connection and ends with the opened list of values.
func in[T, V any](ctx context.Context, f finder, scan func(*sql.Rows) (T, error), query string, values []V) ([]T, error) {
	var all []T
	for part := range slices.Chunk(values, sqldb.MostValues) {
		args := []any{f.connection}
		for _, v := range sqldb.Padded(part) {
			args = append(args, v)
		}
		found, err := sqldb.Collect(ctx, f.on, scan, query+sqldb.Numbered(2, len(args)-1)+`)`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// filled are the values that are not empty, as bytes.
func filled(values []string, of func(string) []byte) [][]byte {
	var all [][]byte
	for _, v := range values {
		if v != "" {
			all = append(all, of(v))
		}
	}
	return all
}

func asBytes(s string) []byte { return []byte(s) }

// idsOf are the ids that are not empty.
func idsOf(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
}

// kind is how records of one kind are kept.
type kind[T any] struct {
	table, columns string
	named          string // a condition that ends with the column of names
	scan           func(scan func(...any) error, also ...any) (T, error)
	id             func(T) string
}

// find returns those records of a connection that have one of the ids, external ids or
// names, and which of the ids any record of the kind has, or had.
func find[T any](ctx context.Context, f finder, k kind[T], ids, externals, names []string) (all []T, taken []string, err error) {
	from := `SELECT ` + k.columns + ` FROM ` + k.table + ` r WHERE r.connection = $1 AND r.deleted = 0 AND `
	scan := func(rows *sql.Rows) (T, error) { return k.scan(rows.Scan) }
	byID, err := in(ctx, f, scan, from+`r.id IN (`, idsOf(ids))
	if err != nil {
		return nil, nil, err
	}
	byExternal, err := in(ctx, f, scan, from+`length(r.external_id) > 0 AND r.external_id IN (`, filled(externals, asBytes))
	if err != nil {
		return nil, nil, err
	}
	byName, err := in(ctx, f, scan, from+k.named+` IN (`, filled(names, records.NameKey))
	if err != nil {
		return nil, nil, err
	}
	taken, err = in(ctx, f, sqldb.ScanID, `SELECT id FROM `+k.table+` WHERE $1 <> '' AND id IN (`, idsOf(ids))
	return unlike(slices.Concat(byID, byExternal, byName), k.id), taken, err
}

// FindUsers implements porting.Found.
func (db *Store) FindUsers(ctx context.Context, connection string, ids, externals, names []string) ([]record.User, []string, error) {
	return find(ctx, finder{connection, db.Read}, kind[record.User]{
		table: `record_users`, columns: records.UserColumns, named: `r.name_key`, scan: records.ScanUser, id: func(u record.User) string { return u.ID },
	}, ids, externals, names)
}

// FindGroups implements porting.Found.
func (db *Store) FindGroups(ctx context.Context, connection string, ids, externals, names []string) ([]record.Group, []string, error) {
	return find(ctx, finder{connection, db.Read}, kind[record.Group]{
		table: `record_groups`, columns: records.GroupColumns, named: `length(r.external_id) = 0 AND r.display_key`, scan: records.ScanGroup, id: func(g record.Group) string { return g.ID },
	}, ids, externals, names)
}

// unlike keeps one of each id.
func unlike[T any](all []T, id func(T) string) []T {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(v T) bool {
		was := seen[id(v)]
		seen[id(v)] = true
		return was
	})
}

// FindMembers implements porting.Found.
func (db *Store) FindMembers(ctx context.Context, connection string, pairs [][2]string) ([][2]string, error) {
	of := map[string][]string{}
	for _, p := range pairs {
		of[p[0]] = append(of[p[0]], p[1])
	}
	var all [][2]string
	for group, members := range of {
		found, err := in(ctx, finder{group, db.Read}, sqldb.ScanID, `SELECT member FROM record_members WHERE group_id = $1 AND until = 0 AND member IN (`, members)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			all = append(all, [2]string{group, m})
		}
	}
	return all, nil
}

// Protected implements porting.Found.
func (db *Store) Protected(ctx context.Context, connection string, policy record.Policy, persons, groups []string) (map[string]bool, error) {
	all := map[string]bool{}
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		for _, id := range persons {
			if _, done := all[id]; done {
				continue
			}
			has, err := people.AnyRole(ctx, t, policy.Roles, id)
			if err != nil && !errors.Is(err, directory.ErrPersonNotFound) {
				return err
			}
			all[id] = has
		}
		op := record.Operation{Connection: connection, Policy: policy}
		for _, id := range groups {
			if _, done := all[id]; done {
				continue
			}
			err := records.MayTouchGroup(ctx, t, op, id)
			if err != nil && !errors.Is(err, record.ErrProtected) {
				return err
			}
			all[id] = err != nil
		}
		return nil
	})
	return all, err
}

// People implements porting.Directory.
func (db *Store) People(ctx context.Context, after string, limit int) ([]directory.Person, error) {
	return db.kept().People(ctx, after, limit)
}

// Mappings implements porting.Directory.
func (db *Store) Mappings(ctx context.Context) ([]directory.Mapping, error) {
	return db.kept().Mappings(ctx)
}

// AllUsers implements porting.Directory.
func (db *Store) AllUsers(ctx context.Context, connection, after string, limit int) ([]record.User, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.User, error) { return records.ScanUser(rows.Scan) },
		`SELECT `+records.UserColumns+` FROM record_users r WHERE r.deleted = 0 AND ($1 = '' OR r.connection = $1) AND r.id > $2 ORDER BY r.id LIMIT $3`, connection, after, limit)
}

// AllGroups implements porting.Directory.
func (db *Store) AllGroups(ctx context.Context, connection, after string, limit int) ([]record.Group, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.Group, error) { return records.ScanGroup(rows.Scan) },
		`SELECT `+records.GroupColumns+` FROM record_groups r WHERE r.deleted = 0 AND ($1 = '' OR r.connection = $1) AND r.id > $2 ORDER BY r.id LIMIT $3`, connection, after, limit)
}

// AllMembers implements porting.Directory.
func (db *Store) AllMembers(ctx context.Context, connection string, after [2]string, limit int) ([]porting.Member, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (m porting.Member, err error) {
		err = rows.Scan(&m.Connection, &m.Group, &m.Member, &m.Kind)
		return m, err
	}, `SELECT connection, group_id, member, kind FROM record_members WHERE until = 0 AND NOT pending AND ($1 = '' OR connection = $1)
		AND (group_id > $2 OR group_id = $2 AND member > $3) ORDER BY group_id, member LIMIT $4`, connection, after[0], after[1], limit)
}

// AllAssignments implements porting.Directory.
func (db *Store) AllAssignments(ctx context.Context, after string, limit int) ([]porting.AppAssignment, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (a porting.AppAssignment, err error) {
		a.Assignment, err = access.ReadAssignment(func(to ...any) error { return rows.Scan(append(to, &a.App)...) })
		return a, err
	}, `SELECT a.body, p.name FROM assignments a JOIN apps p ON p.id = a.app WHERE a.ended = 0 AND a.id > $1 ORDER BY a.id LIMIT $2`, after, limit)
}

// Assigned implements porting.Directory.
func (db *Store) Assigned(ctx context.Context, a entitlement.Assignment) (there bool, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM assignments WHERE app = $1 AND role = $2 AND whom = $3 AND ended = 0)`, a.App, a.Role, sqldb.JSON(a.Whom)).Scan(&there)
	return there, sqldb.Translate(err)
}
