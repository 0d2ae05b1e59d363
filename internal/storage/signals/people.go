package signals

import (
	"context"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Moved implements signal.People. Members that are known are found by the key of their
// rows; a group of a hundred thousand is read only where as many of its members changed.
func (db *Store) Moved(ctx context.Context, group, operation string, members []string, after string, limit int) ([]string, error) {
	args := []any{group, operation, after, limit}
	changed := ` FROM record_members m WHERE m.group_id = $1 AND (m.opened = $2 OR m.closed = $2)`
	if len(members) > 0 {
		for _, id := range sqldb.Padded(members) {
			args = append(args, id)
		}
		changed += ` AND m.member IN (` + sqldb.Numbered(5, len(args)-4) + `)`
	}
	return sqldb.Collect(ctx, db.Read, sqldb.ScanID, `WITH RECURSIVE below (id, depth) AS (SELECT m.member, 1`+changed+` AND m.kind = 'group'
		UNION SELECT m.member, below.depth + 1 FROM below JOIN record_members m ON m.group_id = below.id AND m.kind = 'group' AND m.until = 0
		WHERE below.depth <= `+strconv.Itoa(record.MaxDepth)+`),
		moved (person) AS (SELECT m.person`+changed+` AND m.person <> ''
		UNION SELECT m.person FROM below JOIN record_members m ON m.group_id = below.id AND m.until = 0 AND m.person <> '')
		SELECT person FROM moved WHERE person > $3 AND EXISTS (SELECT 1 FROM signal_subjects s WHERE s.person = moved.person AND s.person <> '')
		ORDER BY person LIMIT $4`, args...)
}
