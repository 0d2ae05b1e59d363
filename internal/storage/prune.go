package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/records"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// What has ended stays for a while: tombstones tell a replay from a guess, and
// finished work is looked at when something went wrong.
const (
	keepTombstones = 24 * time.Hour
	keepFinished   = 7 * 24 * time.Hour
	// keepSubjects is longer than any refresh token lives.
	keepSubjects = 31 * 24 * time.Hour
	// keepStaged is longer than what was checked may be applied, and takes.
	keepStaged  = 72 * time.Hour
	keepImports = 30 * 24 * time.Hour
)

// prunings delete, at most $2 rows at a time, what ended before $1.
var prunings = []struct {
	what, statement string
	keep            time.Duration
}{
	{"codes", `DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires < $1 LIMIT $2)`, keepTombstones},
	{"refresh tokens", `DELETE FROM refresh_tokens WHERE hash IN (SELECT r.hash FROM refresh_tokens r JOIN families f ON f.id = r.family
		WHERE r.expires < $1 OR (f.ended <> 0 AND f.ended < $1) LIMIT $2)`, keepFinished},
	{"families", `DELETE FROM families WHERE id IN (SELECT id FROM families f WHERE (f.expires < $1 OR (f.ended <> 0 AND f.ended < $1))
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.family = f.id) LIMIT $2)`, keepFinished},
	{"participants", `DELETE FROM participants WHERE session IN (SELECT id FROM sessions WHERE expires < $1 OR (ended <> 0 AND ended < $1) LIMIT $2)`, keepFinished},
	{"sessions", `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions s WHERE (s.expires < $1 OR (s.ended <> 0 AND s.ended < $1))
		AND NOT EXISTS (SELECT 1 FROM participants p WHERE p.session = s.id) LIMIT $2)`, keepFinished},
	{"outbox", `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state IN ('done', 'discarded') AND created < $1 LIMIT $2)`, keepFinished},
	{"jobs", `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state IN ('done', 'discarded') AND deadline < $1 LIMIT $2)`, keepFinished},
	{"traces", `DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE expires < $1 LIMIT $2)`, 0},
	{"SCIM operations", `DELETE FROM record_operations WHERE id IN (SELECT id FROM record_operations WHERE expires < $1 LIMIT $2)`, 0},
	{"signals", `DELETE FROM signal_sets WHERE (stream, id) IN (SELECT stream, id FROM signal_sets WHERE state <> 'waiting' AND settled < $1 LIMIT $2)`, signal.Keep},
	{"subjects of signals", `DELETE FROM signal_subjects WHERE (receiver, person, session, via) IN (SELECT receiver, person, session, via FROM signal_subjects WHERE seen < $1 LIMIT $2)`, keepSubjects},
	{"turns of owners", `DELETE FROM app_owner_turns WHERE (cause, app) IN (SELECT cause, app FROM app_owner_turns WHERE at < $1 LIMIT $2)`, records.KeepChange},
	{"names of imports", `DELETE FROM import_names WHERE (import, name) IN (SELECT n.import, n.name FROM import_names n JOIN imports i ON i.id = n.import WHERE i.created < $1 LIMIT $2)`, keepStaged},
	{"lines of imports", `DELETE FROM import_lines WHERE (import, place) IN (SELECT l.import, l.place FROM import_lines l JOIN imports i ON i.id = l.import
		WHERE i.created < $1 AND l.outcome <> 'refused' LIMIT $2)`, keepStaged},
	{"refused lines of imports", `DELETE FROM import_lines WHERE (import, place) IN (SELECT l.import, l.place FROM import_lines l JOIN imports i ON i.id = l.import WHERE i.created < $1 LIMIT $2)`, keepImports},
	{"imports", `DELETE FROM imports WHERE id IN (SELECT id FROM imports i WHERE i.created < $1 AND NOT EXISTS (SELECT 1 FROM import_lines l WHERE l.import = i.id) LIMIT $2)`, keepImports},
	{"answers", `DELETE FROM api_answers WHERE (scope, name) IN (SELECT scope, name FROM api_answers WHERE expires < $1 LIMIT $2)`, 0},
}

// Prune deletes what ended long ago and is no use any more. People, consents, the
// audit log and the revocation sequence are never pruned.
func (db *DB) Prune(ctx context.Context, now time.Time) error {
	for _, p := range prunings {
		for {
			r, err := db.db.Write.ExecContext(ctx, p.statement, sqldb.Micros(now.Add(-p.keep)), sqldb.PruneBatch)
			if err != nil {
				return fmt.Errorf("prune %s: %w", p.what, sqldb.Translate(err))
			}
			n, err := r.RowsAffected()
			if err != nil {
				return fmt.Errorf("prune %s: %w", p.what, sqldb.Translate(err))
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}
