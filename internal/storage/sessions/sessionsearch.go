package sessions

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// fewSessions is how many sessions of one app are sorted rather than looked for
// among all: see fewPeople.
const fewSessions = 5_000

// inSession is met by the sessions of an app that has many.
const inSession = `(SELECT 1 FROM participants WHERE session = s.id AND app = ? LIMIT 1) = 1`

// sessionWhere returns what to read sessions from, after a WITH clause, and the
// conditions.
func (db *Store) sessionWhere(ctx context.Context, q session.Query, now time.Time) (with, from string, w *sqldb.Where, err error) {
	w, from = &sqldb.Where{}, `sessions s`
	if q.App != "" {
		n, err := sqldb.List(ctx, db.DB, sqldb.ScanCount, `SELECT count(*) FROM (SELECT 1 FROM participants WHERE app = $1 LIMIT `+strconv.Itoa(fewSessions)+`) AS matched`, q.App)
		if err != nil {
			return "", "", nil, err
		}
		if n[0] < fewSessions {
			with = w.Bind(`WITH found AS MATERIALIZED (SELECT DISTINCT session FROM participants WHERE app = ?) `, q.App)
			from = `found CROSS JOIN sessions s`
			w.Add(`s.id = found.session`)
		} else {
			w.Add(inSession, q.App)
		}
	}
	live(w, session.Whose{Person: q.Person, Connection: q.Connection}, now)
	return with, from, w, nil
}

// live adds the conditions of sessions s that may be in use.
func live(w *sqldb.Where, of session.Whose, now time.Time) {
	w.Add(`s.ended = 0`)
	if of.Person != "" {
		w.Add(`s.person = ?`, of.Person)
	}
	if of.Connection != "" {
		w.Add(`s.connection = ?`, of.Connection)
	}
	w.Add(`s.expires > ?`, sqldb.Micros(now))
}

// SearchSessions implements session.Store.
func (db *Store) SearchSessions(ctx context.Context, q session.Query, now time.Time) (sessions []session.Found, next string, err error) {
	with, from, w, err := db.sessionWhere(ctx, q, now)
	if err != nil {
		return nil, "", err
	}
	if q.After != "" {
		parts, ok := sqldb.ParseCursor(q.After, "created", 2)
		if !ok {
			return nil, "", session.ErrCursor
		}
		created, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, "", session.ErrCursor
		}
		w.Add(`(s.created, s.id) < (?, ?)`, created, parts[1])
	}
	limit, read, last := sqldb.Limit(q.Limit), 0, ""
	sessions, err = sqldb.List(ctx, db.DB, func(rows *sql.Rows) (f session.Found, err error) {
		var created string
		var person sql.NullString
		f.Session, err = scanSession(rows.Scan, &created, &person)
		if read++; read <= limit {
			last = created
		}
		if err == nil {
			f.Name, err = TitleOf(person)
		}
		return f, err
	}, with+`SELECT s.body, s.secret_hash, s.ended, s.ended_by, s.version, s.created, (SELECT body FROM people WHERE id = s.person) FROM `+from+w.String()+
		` ORDER BY s.created DESC, s.id DESC LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	sessions, next = sqldb.Page(sessions, limit, func(f session.Found) string { return sqldb.Cursor("created", last, f.ID) })
	return sessions, next, db.addApps(ctx, sessions)
}

// TitleOf returns what lists call the person with this body, empty for nobody.
func TitleOf(body sql.NullString) (string, error) {
	var p directory.Person
	if !body.Valid {
		return "", nil
	}
	if err := json.Unmarshal([]byte(body.String), &p); err != nil {
		return "", fmt.Errorf("decode person: %w", err)
	}
	return p.Profile.Title(), nil
}

// addApps names the apps in each session.
func (db *Store) addApps(ctx context.Context, sessions []session.Found) error {
	if len(sessions) == 0 {
		return nil
	}
	var w sqldb.Where
	at := map[string]*session.Found{}
	rows := make([]string, len(sessions))
	for i := range sessions {
		at[sessions[i].ID] = &sessions[i]
		rows[i] = w.Bind(`(?)`, sessions[i].ID)
	}
	_, err := sqldb.List(ctx, db.DB, func(rows *sql.Rows) (none struct{}, err error) {
		var id, app string
		if err := rows.Scan(&id, &app); err != nil {
			return none, err
		}
		at[id].Apps = append(at[id].Apps, app)
		return none, nil
	}, `WITH wanted (session) AS MATERIALIZED (VALUES `+strings.Join(rows, `, `)+`) SELECT DISTINCT p.session, p.app
		FROM wanted w CROSS JOIN participants p WHERE p.session = w.session ORDER BY p.session, p.app`, w.Args...)
	return err
}

// CountSessions implements session.Store.
func (db *Store) CountSessions(ctx context.Context, of session.Whose, now time.Time) (int64, error) {
	w := &sqldb.Where{}
	live(w, of, now)
	n, err := sqldb.List(ctx, db.DB, sqldb.ScanCount, `SELECT count(*) FROM sessions s`+w.String(), w.Args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// sessionBatch is how many sessions one run of DateSessions dates.
const sessionBatch = 1000

// DateSessions writes down when sessions began that a broker wrote which did not
// know that column.
func (db *Store) DateSessions(ctx context.Context) error {
	type dated struct {
		id string
		at int64
	}
	sessions, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (dated, error) {
		s, err := scanSession(rows.Scan)
		return dated{s.ID, max(sqldb.Micros(s.Created), 1)}, err
	}, selectSession+`ended = 0 AND created = 0 LIMIT $1`, sessionBatch)
	for i := 0; err == nil && i < len(sessions); i++ {
		_, err = db.Write.ExecContext(ctx, `UPDATE sessions SET created = $2 WHERE id = $1 AND created = 0`, sessions[i].id, sessions[i].at)
	}
	if err != nil {
		return fmt.Errorf("date sessions: %w", sqldb.Translate(err))
	}
	return nil
}
