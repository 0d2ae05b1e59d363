package auditlog

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

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

// typesIn returns the types that a choice's value is to be looked for with.
func (db *Store) typesIn(ctx context.Context, s *auditSearch, c choice, value string) (types []string, err error) {
	one, exact := s.exact()
	switch {
	case exact:
		types = []string{one}
	case c.column == "type" && value != "":
		types = []string{value}
	default:
		if types, err = db.typesOf(ctx, c, value); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(types, func(t string) bool { return !s.fits(t) || c.column == "type" && value != "" && t != value }), nil
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
