package sqldb

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// writeEvents is the one place where events become rows.
func (t *Tx) writeEvents(ctx context.Context) (raised, queued bool, err error) {
	if err := t.appendAudit(ctx, t.events); err != nil {
		return false, false, err
	}
	for _, e := range t.events {
		if t.db.outbox[e.Type] && (t.db.o.OutboxWanted == nil || t.db.o.OutboxWanted(e.Type)) || t.db.o.OutboxRevoking && len(e.Revokes) > 0 {
			queued = true
			if err := t.enqueue(ctx, e); err != nil {
				return false, false, err
			}
		}
		for _, ref := range e.Revokes {
			raised = true
			if err := t.raise(ctx, e, ref); err != nil {
				return false, false, err
			}
		}
	}
	return raised, queued, nil
}

func (t *Tx) enqueue(ctx context.Context, e event.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO outbox (id, body, state, due, attempt, created) VALUES ($1, $2, 'waiting', $3, 0, $3)`,
		e.ID, string(body), Micros(e.Time))
	return err
}

// raise takes the next revocation number, which locks the counter until the
// commit: numbers are gapless and in commit order.
func (t *Tx) raise(ctx context.Context, e event.Event, ref identity.Ref) error {
	var number int64
	err := t.QueryRowContext(ctx, `UPDATE counters SET number = number + 1 WHERE name = 'revocation' RETURNING number`).Scan(&number)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO revocations (number, kind, ref, raised, event) VALUES ($1, $2, $3, $4, $5)`,
		number, string(ref.Kind), ref.ID, Micros(e.Time), e.ID)
	if err != nil {
		return err
	}
	args := []any{Micros(e.Time), e.ID, ref.ID}
	if person, app, ok := identity.SplitInstall(ref); ok {
		args = append(args[:2], person, app)
	}
	for _, statement := range endings[ref.Kind] {
		if _, err := t.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// EndSessions and EndFamilies end those that still are and meet what stands behind: $1 is
// when, $2 the event that it is told by.
const (
	EndSessions = `UPDATE sessions SET ended = $1, ended_by = $2, version = version + 1 WHERE ended = 0 AND `
	EndFamilies = `UPDATE families SET ended = $1, ended_by = $2 WHERE ended = 0 AND `
)

// endings are what else ends with a revoked id.
var endings = map[identity.Kind][]string{
	identity.KindPerson:     {EndSessions + `person = $3`, EndFamilies + `person = $3`},
	identity.KindConnection: {EndSessions + `connection = $3`, EndFamilies + `connection = $3`},
	identity.KindSession:    {EndSessions + `id = $3`, EndFamilies + `session = $3 AND NOT offline`},
	identity.KindApp:        {EndFamilies + `app = $3`},
	identity.KindClient:     {EndFamilies + `client = $3`},
	identity.KindGrant:      {EndFamilies + `id = $3`},
	identity.KindInstall:    {EndFamilies + `person = $3 AND app = $4`},
}

// auditColumns is how many values an audit entry has.
const auditColumns = 7

const insertAudit = `INSERT INTO audit (id, at, type, actor, subject, body, digest) VALUES `

// auditInserts are statements for 1, 2, 4, … rows by driver: few enough to stay prepared.
var auditInserts = map[string][7]string{SQLite: insertsOfAudit(SQLite), Postgres: insertsOfAudit(Postgres)}

func insertsOfAudit(driver string) (all [7]string) {
	insert := insertAudit
	if driver == SQLite {
		insert = orFail(insert)
	}
	for i := range all {
		all[i] = insert + marks(driver, 1<<i, auditColumns)
	}
	return all
}

// appendAudit writes entries, as many as it can with one statement.
func (t *Tx) appendAudit(ctx context.Context, events []event.Event) error {
	inserts := auditInserts[t.db.o.Driver]
	if len(events) > 1<<(len(inserts)-1) {
		rows := make([][]any, len(events))
		for i, e := range events {
			rows[i] = auditRow(e)
		}
		return t.InsertRows(ctx, insertAudit, ``, rows)
	}
	for len(events) > 0 {
		size := min(bits.Len(uint(len(events)))-1, len(inserts)-1)
		part := events[:1<<size]
		events = events[len(part):]
		args := make([]any, 0, auditColumns*len(part))
		for _, e := range part {
			args = append(args, auditRow(e)...)
		}
		if _, err := t.ExecContext(ctx, inserts[size], args...); err != nil {
			return err
		}
	}
	return nil
}

func auditRow(e event.Event) []any {
	body := audit.Canonical(e)
	return []any{e.ID, Micros(e.Time), e.Type, e.Actor.String(), e.Subject.String(), body, audit.DigestOf(body)}
}
