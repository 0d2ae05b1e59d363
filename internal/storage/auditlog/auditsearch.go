package auditlog

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// The audit log is searched by merging streams. An entry's id sorts by its time, and
// each index of actor, subject or type ends in the id, so that the entries of one
// type and actor (or subject) can be read newest first; a page is the newest of what
// all streams that a query asks for begin with. Which types an actor or subject has
// is found by leaping through the index from one to the next.
//
// Issued tokens are most of the log and in none of these indexes, which would cost
// each of them too much. The moments in which an actor was issued some are kept in
// issued_tokens, as what the ids of their entries begin with (identity.Moment; older
// rows have the whole id), when their seal is counted (package activity); those after
// it are few. The id of a token tells when it was issued, and so where its entry is.

// tokenIssued is the type that the partial indexes leave out.
const tokenIssued = "token.issued"

// fewEntries is how far entries are counted to choose between two conditions.
const fewEntries = 1000

// errCursor refuses a cursor that no page gave.
var errCursor = fault.New(fault.Invalid, "cursor_invalid", "this is not a cursor of an earlier page").At("after")

// choice is a column that has one of some values: type, actor or subject.
type choice struct {
	column string
	values []string
}

// term is met by the entries that one of its choices fits.
type term []choice

// auditSearch is a search as it is run.
type auditSearch struct {
	terms []term
	// types are patterns, of which an entry's type meets all, and sets are lists of
	// types, each of which has it.
	types []string
	sets  [][]string
	// from, before bound the ids, from inclusive, empty for no bound.
	from, before string
	limit        int
}

// Page implements audit.Store.
func (db *Store) Page(ctx context.Context, q audit.Query) ([]audit.Entry, string, error) {
	s, err := db.auditSearch(ctx, q)
	if err != nil {
		return nil, "", err
	}
	query, args, err := db.auditText(ctx, s)
	if err != nil || query == "" {
		return nil, "", err
	}
	entries, err := sqldb.List(ctx, db.DB, scanEntry, query, args...)
	if err != nil {
		return nil, "", err
	}
	entries, next := sqldb.Page(entries, s.limit, func(last audit.Entry) string { return sqldb.Cursor("id", last.ID) })
	return entries, next, nil
}

func (db *Store) auditSearch(ctx context.Context, q audit.Query) (*auditSearch, error) {
	s := &auditSearch{limit: sqldb.Limit(q.Limit)}
	if !q.From.IsZero() {
		s.from = identity.OrderedAt(wholeMicros(q.From))
	}
	if !q.To.IsZero() {
		s.before = identity.OrderedAt(wholeMicros(q.To))
	}
	if q.After != "" {
		parts, ok := sqldb.ParseCursor(q.After, "id", 1)
		if !ok {
			return nil, errCursor
		}
		if s.before == "" || parts[0] < s.before {
			s.before = parts[0]
		}
	}
	if q.Type != "" {
		s.types = append(s.types, q.Type)
	}
	if q.Subject != "" {
		s.terms = append(s.terms, term{{"subject", []string{q.Subject}}})
	}
	if q.Actor != "" {
		s.terms = append(s.terms, term{{"actor", []string{q.Actor}}})
	}
	for word := range strings.FieldsSeq(q.Text) {
		if err := db.addWord(ctx, s, word); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// wholeMicros rounds up: an entry's time is of whole microseconds.
func wholeMicros(t time.Time) time.Time {
	if whole := t.Truncate(time.Microsecond); whole.Before(t) {
		return whole.Add(time.Microsecond)
	}
	return t
}

// addWord makes a condition of a word of free text.
func (db *Store) addWord(ctx context.Context, s *auditSearch, word string) error {
	if strings.Contains(word, ":") {
		s.terms = append(s.terms, term{{"actor", []string{word}}, {"subject", []string{word}}})
		return nil
	}
	if strings.Contains(word, ".") {
		s.types = append(s.types, word)
		return nil
	}
	var refs []string
	for _, kind := range identity.Kinds() {
		refs = append(refs, identity.Ref{Kind: kind, ID: word}.String())
	}
	types, err := db.typesOf(ctx, choice{column: "type"}, "")
	if err != nil {
		return err
	}
	types = slices.DeleteFunc(types, func(t string) bool {
		return !slices.ContainsFunc(strings.FieldsFunc(t, sqldb.IsMark), func(part string) bool { return strings.HasPrefix(part, strings.ToLower(word)) })
	})
	t := term{{"type", types}}
	for _, column := range []string{"actor", "subject"} {
		there, err := db.valuesThere(ctx, choice{column, refs})
		if err != nil {
			return err
		}
		t = append(t, choice{column, there})
	}
	s.terms = append(s.terms, t)
	return nil
}

// valuesThere returns those values of a choice that some entry has.
func (db *Store) valuesThere(ctx context.Context, c choice) ([]string, error) {
	var w sqldb.Where
	texts := make([]string, len(c.values))
	for i, v := range c.values {
		texts[i] = w.Bind(`SELECT CAST(? AS TEXT) AS value WHERE EXISTS (SELECT 1 FROM audit WHERE `+c.column+` = ? AND type <> '`+tokenIssued+`')`, v, v)
	}
	there, err := sqldb.List(ctx, db.DB, sqldb.ScanID, strings.Join(texts, ` UNION ALL `), w.Args...)
	for _, v := range c.values {
		_, token := tokenOf(v)
		client := strings.HasPrefix(v, string(identity.KindClient)+":") // who issued tokens only
		if (c.column == "subject" && token || c.column == "actor" && client) && !slices.Contains(there, v) {
			there = append(there, v)
		}
	}
	return there, err
}

// typesOf returns the types of the entries whose column has the value, by leaping
// through its index; all types for the column type.
func (db *Store) typesOf(ctx context.Context, c choice, value string) ([]string, error) {
	var w sqldb.Where
	of := ``
	if c.column != "type" {
		of = ` AND ` + c.column + ` = ?`
	}
	of += ` AND type <> '` + tokenIssued + `'`
	bind := func(text string) string {
		if c.column == "type" {
			return text + of
		}
		return w.Bind(text+of, value)
	}
	types, err := sqldb.List(ctx, db.DB, sqldb.ScanID, `WITH RECURSIVE leaps (type) AS (`+bind(`SELECT min(type) FROM audit WHERE TRUE`)+
		` UNION ALL `+bind(`SELECT (SELECT min(type) FROM audit WHERE type > leaps.type`)+`) FROM leaps WHERE leaps.type IS NOT NULL)
		SELECT type FROM leaps WHERE type IS NOT NULL`, w.Args...)
	if c.column != "subject" {
		types = append(types, tokenIssued)
	}
	return types, err
}

// typesMeeting returns the types that entries which meet the term can have.
func (db *Store) typesMeeting(ctx context.Context, t term) (set []string, err error) {
	for _, c := range t {
		for _, v := range c.values {
			if c.column == "type" {
				set = append(set, v)
				continue
			}
			of, err := db.typesOf(ctx, c, v)
			if err != nil {
				return nil, err
			}
			if _, ok := tokenOf(v); ok && c.column == "subject" {
				of = append(of, tokenIssued)
			}
			set = append(set, of...)
		}
	}
	return set, nil
}

// fits reports whether a type meets every pattern.
func (s *auditSearch) fits(typ string) bool {
	for _, pattern := range s.types {
		if typ != pattern && (!strings.HasSuffix(pattern, ".") || !strings.HasPrefix(typ, pattern)) {
			return false
		}
	}
	return !slices.ContainsFunc(s.sets, func(set []string) bool { return !slices.Contains(set, typ) })
}

// exact returns the type that a pattern names.
func (s *auditSearch) exact() (string, bool) {
	for _, pattern := range s.types {
		if !strings.HasSuffix(pattern, ".") {
			return pattern, true
		}
	}
	return "", false
}

// typesIn returns the types that a choice's value is to be looked for with.
func (db *Store) typesIn(ctx context.Context, s *auditSearch, c choice, value string) (types []string, err error) {
	if one, ok := s.exact(); ok {
		types = []string{one}
	} else if c.column == "type" && value != "" {
		types = []string{value}
	} else if types, err = db.typesOf(ctx, c, value); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(types, func(t string) bool { return !s.fits(t) || c.column == "type" && value != "" && t != value }), nil
}

// stream is the condition of entries that indexes have newest first: by the key, or
// by the moment and then the key.
type stream struct {
	condition         string
	values            []any
	from, moment, key string
	fromValues        []any
}

// order is the stream's own.
func (st stream) order() string {
	if st.moment != "" {
		return st.moment + ` DESC, ` + st.key + ` DESC`
	}
	return st.key + ` DESC`
}

// streams returns those of one choice.
func (db *Store) streams(ctx context.Context, s *auditSearch, c choice) ([]stream, error) {
	var all []stream
	for _, value := range c.values {
		types, err := db.typesIn(ctx, s, c, value)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			switch {
			case t != tokenIssued || c.column == "type":
				all = append(all, streamOf(c.column, value, t))
			case c.column == "actor":
				some, err := db.issuedStreams(ctx, s, value)
				if err != nil {
					return nil, err
				}
				all = append(all, some...)
			} // tokenStream has those of a subject
		}
		if token, ok := tokenOf(value); ok && c.column == "subject" && s.fits(tokenIssued) {
			all = append(all, tokenStream(value, token))
		}
	}
	return all, nil
}

func streamOf(column, value, typ string) stream {
	st := stream{condition: `type = ?`, values: []any{typ}, from: `audit`, key: `id`}
	if typ != tokenIssued {
		st.condition += ` AND type <> '` + tokenIssued + `'` // the partial indexes are for these
	}
	if column != "type" {
		st.condition, st.values = column+` = ? AND `+st.condition, []any{value, typ}
	}
	return st
}

// issuedStreams are the issued tokens of an actor: those that are indexed, and those
// whose seal is not counted yet, or that have none.
func (db *Store) issuedStreams(ctx context.Context, s *auditSearch, actor string) ([]stream, error) {
	counted, err := db.CountedSeal(ctx)
	if err != nil {
		return nil, err
	}
	const issued = ` AND type = '` + tokenIssued + `' AND actor = ?`
	indexed := stream{
		condition: `actor_ref = ? AND id >= entry AND id < entry || '~'` + issued, values: []any{actor, actor},
		from: `issued_tokens CROSS JOIN audit`, moment: `entry`, key: `id`,
	}
	if db.Postgres() && len(s.terms) == 1 {
		indexed = s.momentStream(actor, issued)
	}
	return []stream{
		indexed,
		{condition: `seal = 0` + issued, values: []any{actor}, from: `audit`, key: `id`},
		{condition: `seal > ? AND seal <> 0` + issued, values: []any{counted, actor}, from: `audit`, key: `id`},
	}, nil
}

// momentStream has the issued tokens of an actor from those moments that a page can
// need, where no other term leaves entries out: each has one, but for the moment that
// a bound lies in. PostgreSQL would read every token of the actor to sort them, where
// SQLite stops.
func (s *auditSearch) momentStream(actor, issued string) stream {
	limit := strconv.Itoa(s.limit + 2)
	bounds := func(column, from string) (text string, values []any) {
		if from != "" {
			text, values = text+` AND `+column+` >= ?`, append(values, from)
		}
		if s.before != "" {
			text, values = text+` AND `+column+` < ?`, append(values, s.before)
		}
		return text, values
	}
	moments, values := bounds(`entry`, identity.Moment(s.from))
	entries, inside := bounds(`id`, s.from)
	return stream{
		condition: `TRUE`, key: `id`,
		from: `(SELECT entry FROM issued_tokens WHERE actor_ref = ?` + moments + ` ORDER BY entry DESC LIMIT ` + limit + `) AS issued
			CROSS JOIN LATERAL (SELECT id FROM audit WHERE id >= entry AND id < entry || '~'` + issued + entries + ` ORDER BY id DESC LIMIT ` + limit + `) AS tokens`,
		fromValues: slices.Concat([]any{actor}, values, []any{actor}, inside),
	}
}

// tokenStream finds the entry of an issued token where its id says it is.
func tokenStream(subject, token string) stream {
	at := token[:len(identity.OrderedAt(time.Time{}))]
	return stream{condition: `type = '` + tokenIssued + `' AND subject = ? AND id >= ? AND id < ?`, values: []any{subject, at, at + "~"}, from: `audit`, key: `id`}
}

// tokenOf returns the id of the issued token that a subject may be.
func tokenOf(subject string) (id string, ok bool) {
	id, ok = strings.CutPrefix(subject, string(identity.KindToken)+":")
	return id, ok && len(id) == len(identity.NewOrderedID(time.Time{}))
}

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
	streams := []stream{{condition: `TRUE`, from: `audit`, key: `id`}}
	if driver >= 0 || len(s.types) > 0 {
		lead := term{{"type", []string{""}}}
		if driver >= 0 {
			lead = s.terms[driver]
		}
		streams = nil
		for _, c := range lead {
			some, err := db.streams(ctx, s, c)
			if err != nil {
				return "", nil, err
			}
			streams = append(streams, some...)
		}
	}
	if len(streams) == 0 {
		return "", nil, nil
	}
	var w sqldb.Where
	texts := make([]string, len(streams))
	for i, st := range streams {
		texts[i] = s.bindStream(&w, st, driver)
	}
	limit := ` LIMIT ` + strconv.Itoa(s.limit+1)
	newest := ` ORDER BY id DESC` + limit
	if len(texts) == 1 {
		return `SELECT body, digest, seal FROM ` + w.Bind(streams[0].from, streams[0].fromValues...) + ` WHERE ` + texts[0] + ` ORDER BY ` + streams[0].order() + limit, w.Args, nil
	}
	for i, text := range texts {
		st := streams[i]
		texts[i] = `SELECT id FROM (SELECT ` + st.key + ` AS id FROM ` + w.Bind(st.from, st.fromValues...) + ` WHERE ` + text + ` ORDER BY ` + st.order() + limit + `) AS s` + strconv.Itoa(i)
	}
	return `WITH merged AS MATERIALIZED (SELECT id FROM (` + strings.Join(texts, ` UNION `) + `) AS streams` + newest + `)
		SELECT a.body, a.digest, a.seal FROM merged CROSS JOIN audit a WHERE a.id = merged.id ORDER BY a.id DESC`, w.Args, nil
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
