package auditlog

import (
	"context"
	"slices"
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

// auditSearch reads a query. It fails with errCursor.
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
