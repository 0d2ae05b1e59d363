package auditlog

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

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
