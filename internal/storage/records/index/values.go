package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// What records are filtered and sorted by is kept beside them: one row for each value.
// A path begins with what the record is, as the two types may have attributes of one
// name. What is complex has a row of its own, with an empty key, and its
// sub-attributes have the same element. A text is kept folded, and as it is where that
// differs; a number and a time as bytes that sort like them.

// timePath is appended to the path of a text that is a time.
const timePath = "#time"

// indexed is how many bytes of a key are in the index.
const indexed = 256

// Value is one value that a record is found by.
type Value struct {
	path       string
	element    int
	key, exact []byte // exact is nil where it is the key
}

// valuesOf gathers the values of attributes.
type valuesOf struct{ all []Value }

// OfUser are the values of a user.
func OfUser(u record.User) []Value {
	var v valuesOf
	v.attributes(Users.prefix, "", u.Attributes)
	return v.all
}

// OfGroup are the values of a group.
func OfGroup(g record.Group) []Value {
	var v valuesOf
	v.attributes(Groups.prefix, "", g.Attributes)
	return v.all
}

func (v *valuesOf) attributes(kind, urn string, attributes map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if of, ok := attributes[name].(map[string]any); ok && urn == "" && strings.Contains(name, ":") {
			if len(of) > 0 {
				v.all = append(v.all, Value{path: kind + name, key: []byte{}})
				v.attributes(kind, name, of)
			}
			continue
		}
		path := filter.Path{URN: urn, Attribute: name}
		if list, ok := attributes[name].([]any); ok {
			for i, one := range list {
				v.one(kind, path, i, one)
			}
		} else {
			v.one(kind, path, 0, attributes[name])
		}
	}
}

// one adds one value of an attribute, or one element with all that is in it.
func (v *valuesOf) one(kind string, path filter.Path, element int, of any) {
	complex, ok := of.(map[string]any)
	if !ok {
		v.simple(kind+path.String(), element, of)
		return
	}
	before := len(v.all)
	for _, sub := range slices.Sorted(maps.Keys(complex)) {
		path.Sub = sub
		v.simple(kind+path.String(), element, complex[sub])
	}
	if len(v.all) > before {
		path.Sub = ""
		v.all = append(v.all, Value{path: kind + path.String(), element: element, key: []byte{}})
	}
}

func (v *valuesOf) simple(path string, element int, of any) {
	switch of := of.(type) {
	case string:
		one := Value{path: path, element: element, key: []byte(filter.Fold(of))}
		if string(one.key) != of {
			one.exact = []byte(of)
		}
		v.all = append(v.all, one)
		if at, ok := isTime(of); ok {
			v.all = append(v.all, Value{path: path + timePath, element: element, key: timeKey(at)})
		}
	case bool:
		v.all = append(v.all, Value{path: path, element: element, key: []byte(strconv.FormatBool(of))})
	case float64:
		v.all = append(v.all, Value{path: path, element: element, key: numberKey(of)})
	case json.Number:
		if n, err := of.Float64(); err == nil {
			v.all = append(v.all, Value{path: path, element: element, key: numberKey(n)})
		}
	}
}

// isTime reads a text that is a time (RFC 7643, section 2.3.5).
func isTime(s string) (time.Time, bool) {
	if len(s) < len("2026-01-01T00:00:00Z") || s[4] != '-' || s[10] != 'T' {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	return at, err == nil
}

// numberKey is bytes that sort like numbers.
func numberKey(n float64) []byte {
	if n == 0 {
		n = 0 // there is one zero
	}
	b := math.Float64bits(n)
	if b>>63 == 1 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(nil, b)
}

// timeKey is bytes that sort like times, to the microsecond.
func timeKey(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMicro())+1<<63)
}

// Add keeps the values of a record beside those that it has.
func Add(ctx context.Context, t *sqldb.Tx, connection, id string, all []Value) error {
	return t.InsertRows(ctx, Insert, ` ON CONFLICT (record, path, element) DO UPDATE SET key = excluded.key, exact = excluded.exact`, Rows(nil, connection, id, all))
}

// Insert begins the statement that inserts Rows.
const Insert = `INSERT INTO record_values (record, path, element, connection, key, exact) VALUES `

// Rows appends the rows of the values of a record, for Insert.
func Rows(rows [][]any, connection, id string, all []Value) [][]any {
	for _, v := range all {
		rows = append(rows, []any{id, v.path, v.element, connection, v.key, v.exact})
	}
	return rows
}

// Change writes what differs between the values of a record.
func Change(ctx context.Context, t *sqldb.Tx, connection, id string, old, next []Value) error {
	type place struct {
		path    string
		element int
	}
	have := map[place]Value{}
	for _, v := range old {
		have[place{v.path, v.element}] = v
	}
	var write []Value
	for _, v := range next {
		at := place{v.path, v.element}
		if was, ok := have[at]; !ok || !bytes.Equal(was.key, v.key) || !bytes.Equal(was.exact, v.exact) {
			write = append(write, v)
		}
		delete(have, at)
	}
	for at := range have {
		if _, err := t.ExecContext(ctx, `DELETE FROM record_values WHERE record = $1 AND path = $2 AND element = $3`, id, at.path, at.element); err != nil {
			return err
		}
	}
	return Add(ctx, t, connection, id, write)
}

// Remove deletes the values of a record.
func Remove(ctx context.Context, t *sqldb.Tx, id string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM record_values WHERE record = $1`, id)
	return err
}
