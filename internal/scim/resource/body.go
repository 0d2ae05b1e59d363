package resource

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// maxDepth is how deep a message may nest.
const maxDepth = 32

// How long a list is that is kept as values: one of the message itself, such as the
// operations of a bulk request, or any other one. A longer one is a List.
const (
	longest = 1000
	shorter = 64
)

// ErrValues refuses a body of more values than a Budget has.
var ErrValues = fault.New(fault.Invalid, "scim_values", "the body has too many values: send less at once")

// Budget bounds what a body may come to.
type Budget struct {
	// Values is the most JSON values: each takes time. Kept is the most of those that are
	// in memory at once, which are all that are not in a List.
	Values, Kept int
}

// Decode reads one JSON object (RFC 8259), as strictly as two readers have to agree on
// it: no name comes twice, and there is nothing behind its end. Numbers stay as they are
// written, and lists that are long become a List, which keeps raw. It fails with
// ErrSyntax, and with ErrValues beyond the budget.
func Decode(raw []byte, budget Budget) (map[string]any, error) {
	if !utf8.Valid(raw) {
		return nil, Bad(ErrSyntax, "the body is not UTF-8")
	}
	d := newDecoder(raw, &budget)
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, Bad(ErrSyntax, "there is something after the end of the JSON")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, Bad(ErrSyntax, "the body has to be a JSON object")
	}
	return object, nil
}

type decoder struct {
	*json.Decoder
	text []byte
	left *Budget
}

var errJSON = Bad(ErrSyntax, "the body is not well-formed JSON")

func (d decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, Bad(ErrSyntax, "the JSON nests deeper than %d levels", maxDepth)
	}
	d.left.Values--
	d.left.Kept--
	if d.left.Values < 0 || d.left.Kept < 0 {
		return nil, ErrValues
	}
	token, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch token {
	case json.Delim('{'):
		return d.object(depth)
	case json.Delim('['):
		return d.list(depth)
	}
	return token, nil
}

// list reads a list. Once it is long, its elements are checked and not kept.
func (d decoder) list(depth int) (any, error) {
	begin, kept := d.InputOffset()-1, d.left.Kept
	most := shorter
	if depth <= 1 {
		most = longest
	}
	list, size := []any{}, 0
	for d.More() {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if size++; size <= most {
			list = append(list, v)
			continue
		}
		list, d.left.Kept = nil, kept
	}
	if err := d.end(); err != nil || size <= most {
		return list, err
	}
	return List{text: d.text[begin:d.InputOffset()], size: size}, nil
}

func (d decoder) object(depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if _, twice := object[name]; twice {
			return nil, Bad(ErrSyntax, "a name comes twice in one object of the JSON")
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return object, d.end()
}

// end reads the bracket that closes what was read.
func (d decoder) end() error {
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	return nil
}
