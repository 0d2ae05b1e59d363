package auditlog

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// auditText returns the query of a page, empty when nothing can be in it.
func (db *Store) auditText(ctx context.Context, s *auditSearch) (string, []any, error) {
	driver, err := db.auditDriver(ctx, s)
	if err != nil {
		return "", nil, err
	}
	for i, t := range s.terms {
		if i == driver {
			continue
		}
		set, err := db.typesMeeting(ctx, t)
		if err != nil {
			return "", nil, err
		}
		s.sets = append(s.sets, set)
	}
	streams, err := db.leading(ctx, s, driver)
	if err != nil || len(streams) == 0 {
		return "", nil, err
	}
	text, args := s.merged(streams, driver)
	return text, args, nil
}

// leading returns the streams of the term that leads: of everything where there is
// neither a term nor a type.
func (db *Store) leading(ctx context.Context, s *auditSearch, driver int) (all []stream, err error) {
	lead := term{{"type", []string{""}}}
	switch {
	case driver >= 0:
		lead = s.terms[driver]
	case len(s.types) == 0:
		return []stream{{condition: `TRUE`, from: `audit`, key: `id`}}, nil
	}
	for _, c := range lead {
		some, err := db.streams(ctx, s, c)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// merged returns the query of the newest that streams begin with.
func (s *auditSearch) merged(streams []stream, driver int) (string, []any) {
	var w sqldb.Where
	texts := make([]string, len(streams))
	for i, st := range streams {
		texts[i] = s.bindStream(&w, st, driver)
	}
	limit := ` LIMIT ` + strconv.Itoa(s.limit+1)
	newest := ` ORDER BY id DESC` + limit
	if len(texts) == 1 {
		return `SELECT body, digest, seal FROM ` + w.Bind(streams[0].from, streams[0].fromValues...) + ` WHERE ` + texts[0] + ` ORDER BY ` + streams[0].order() + limit, w.Args
	}
	for i, text := range texts {
		st := streams[i]
		texts[i] = `SELECT id FROM (SELECT ` + st.key + ` AS id FROM ` + w.Bind(st.from, st.fromValues...) + ` WHERE ` + text + ` ORDER BY ` + st.order() + limit + `) AS s` + strconv.Itoa(i)
	}
	return `WITH merged AS MATERIALIZED (SELECT id FROM (` + strings.Join(texts, ` UNION `) + `) AS streams` + newest + `)
		SELECT a.body, a.digest, a.seal FROM merged CROSS JOIN audit a WHERE a.id = merged.id ORDER BY a.id DESC`, w.Args
}

// bindStream returns all conditions of a stream: its own, the bounds, and the terms
// that do not lead.
func (s *auditSearch) bindStream(w *sqldb.Where, st stream, driver int) string {
	parts := []string{w.Bind(st.condition, st.values...)}
	if s.from != "" {
		parts = append(parts, w.Bind(st.key+` >= ?`, s.from))
		if st.moment != "" {
			parts = append(parts, w.Bind(st.moment+` >= ?`, identity.Moment(s.from)))
		}
	}
	if s.before != "" {
		parts = append(parts, w.Bind(st.key+` < ?`, s.before))
		if st.moment != "" {
			parts = append(parts, w.Bind(st.moment+` < ?`, s.before))
		}
	}
	for i, t := range s.terms {
		if i != driver {
			parts = append(parts, bindTerm(w, t))
		}
	}
	return strings.Join(parts, ` AND `)
}

// bindTerm returns a condition that no index is meant to be used for.
func bindTerm(w *sqldb.Where, t term) string {
	var any []string
	for _, c := range t {
		for _, v := range c.values {
			any = append(any, w.Bind(c.column+` || '' = ?`, v))
		}
	}
	if len(any) == 0 {
		return `FALSE`
	}
	return `(` + strings.Join(any, ` OR `) + `)`
}

// fewEntries is how far entries are counted to choose between two conditions.
const fewEntries = 1000

// auditDriver returns the term that the fewest entries meet, -1 without terms.
func (db *Store) auditDriver(ctx context.Context, s *auditSearch) (int, error) {
	if len(s.terms) < 2 {
		return len(s.terms) - 1, nil
	}
	best, least := 0, int64(-1)
	for i, t := range s.terms {
		var sum int64
		for _, c := range t {
			for _, v := range c.values {
				n, err := db.countEntries(ctx, c.column, v)
				if err != nil {
					return 0, err
				}
				sum += n
			}
		}
		if least < 0 || sum < least {
			best, least = i, sum
		}
	}
	return best, nil
}

// countEntries counts up to fewEntries, and as many moments in which tokens were issued.
func (db *Store) countEntries(ctx context.Context, column, value string) (sum int64, err error) {
	texts := []string{`SELECT 1 FROM audit WHERE ` + column + ` = $1 AND type <> '` + tokenIssued + `'`}
	if column == "actor" {
		texts = append(texts, `SELECT 1 FROM issued_tokens WHERE actor_ref = $1`)
	}
	for _, text := range texts {
		n, err := sqldb.List(ctx, db.DB, sqldb.ScanCount, `SELECT count(*) FROM (`+text+` LIMIT `+strconv.Itoa(fewEntries)+`) AS matched`, value)
		if err != nil {
			return 0, err
		}
		sum += n[0]
	}
	return sum, nil
}
