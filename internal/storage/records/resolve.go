package records

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// lookups finds what values of members are, the first way that knows one: a user or a
// group by its id, then by its external id.
var lookups = []struct {
	query string
	exact bool // by external id, which is bytes
}{
	{`SELECT id, id, 'user', person FROM record_users WHERE connection = $1 AND deleted = 0 AND `, false},
	{`SELECT id, id, 'group', '' FROM record_groups WHERE connection = $1 AND deleted = 0 AND `, false},
	{`SELECT external_id, id, 'user', person FROM record_users WHERE connection = $1 AND deleted = 0 AND length(external_id) > 0 AND `, true},
	{`SELECT external_id, id, 'group', '' FROM record_groups WHERE connection = $1 AND deleted = 0 AND length(external_id) > 0 AND `, true},
}

// resolve finds what values of members are, in the order of their ids. Nobody removes
// those that it knows until the transaction ends; what it does not know is left out.
func resolve(ctx context.Context, t *sqldb.Tx, connection string, values []string) (map[string]member, error) {
	left := slices.Clone(values)
	slices.Sort(left)
	left = slices.Compact(left)
	found := make(map[string]member, len(left))
	for _, by := range lookups {
		for part := range slices.Chunk(left, t.Most()) {
			known, err := lookup(ctx, t, connection, by.query, by.exact, part)
			if err != nil {
				return nil, err
			}
			for _, k := range known {
				found[k.value] = k.member
			}
		}
		left = slices.DeleteFunc(left, func(v string) bool { _, ok := found[v]; return ok })
	}
	return found, nil
}

// resolveMore resolves those of the values that are not among the known, and adds them.
func resolveMore(ctx context.Context, t *sqldb.Tx, connection string, known map[string]member, values []string) error {
	found, err := resolve(ctx, t, connection, unknownOf(known, values))
	maps.Copy(known, found)
	return err
}

func unknownOf(known map[string]member, values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { _, ok := known[v]; return ok })
}

// resolveNew resolves values of members that are to be added. Whoever arrives meanwhile
// with what is not known finds that it waits.
func resolveNew(ctx context.Context, t *sqldb.Tx, connection string, known map[string]member, values []string) error {
	if err := resolveMore(ctx, t, connection, known, values); err != nil || len(unknownOf(known, values)) == 0 {
		return err
	}
	again, err := awaits(ctx, t, connection)
	if err == nil && again {
		err = resolveMore(ctx, t, connection, known, values)
	}
	return err
}

// membersBy are the members that values stand for, each once, in the order of their ids:
// pending where they are not known.
func membersBy(known map[string]member, values []string) []member {
	all := make([]member, len(values))
	for i, v := range values {
		m, ok := known[v]
		if !ok {
			m = member{id: v, pending: true}
		}
		all[i] = m
	}
	return sortedMembers(all)
}

// sortedMembers are members in the order of their ids, each once.
func sortedMembers(all []member) []member {
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.id, b.id) })
	return slices.CompactFunc(all, func(a, b member) bool { return a.id == b.id })
}

type known struct {
	value string
	member
}

func lookup(ctx context.Context, t *sqldb.Tx, connection, query string, exact bool, values []string) ([]known, error) {
	condition, args := sqldb.Among(t, `id`, []any{connection}, values)
	if exact {
		condition, args = sqldb.Among(t, `external_id`, []any{connection}, bytesOf(values))
	}
	lock := ` ORDER BY id`
	if t.Postgres() {
		lock += ` FOR SHARE`
	}
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (k known, err error) {
		err = rows.Scan(&k.value, &k.id, &k.kind, &k.person)
		return k, err
	}, query+condition+lock, args...)
}

func bytesOf(texts []string) [][]byte {
	all := make([][]byte, len(texts))
	for i, t := range texts {
		all[i] = []byte(t)
	}
	return all
}
