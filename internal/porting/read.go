package porting

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// Read is one line of a file as it was read: the line, or what is wrong with it.
type Read struct {
	// Number counts from 1. What is made of a file that has no lines, as Keycloak's, is
	// numbered by the lines of that file.
	Number int
	Line   Line
	Fault  *fault.Error
}

// Note is something in a foreign file that has no place here, how often it was there,
// and some of it.
type Note struct {
	Code     string   `json:"code"`
	Count    int      `json:"count"`
	Examples []string `json:"examples,omitempty"`
}

// mostExamples is how many examples a note has.
const mostExamples = 5

// Notes are what a file has that was not taken.
type Notes []Note

// Add counts one more of what was not taken. An example that is no plain text is left out.
func (n *Notes) Add(code, example string) {
	i := slices.IndexFunc(*n, func(one Note) bool { return one.Code == code })
	if i < 0 {
		i, *n = len(*n), append(*n, Note{Code: code})
	}
	note := &(*n)[i]
	note.Count++
	if example != "" && len(note.Examples) < mostExamples && Plain(example, maxText) && !slices.Contains(note.Examples, example) {
		note.Examples = append(note.Examples, example)
	}
}

// Source reads a file, line by line. It ends with io.EOF. Any other error is of the
// whole file.
type Source interface {
	Next() (Read, error)
	// Notes are those of what was read.
	Notes() Notes
}

// Lines reads the lines of this format.
type Lines struct {
	in     *bufio.Reader
	number int
	ended  bool
}

// NewLines returns a Source of a file in this format.
func NewLines(in io.Reader) *Lines { return &Lines{in: bufio.NewReaderSize(in, 64<<10)} }

// Notes implements Source: nothing in this format is not taken.
func (*Lines) Notes() Notes { return nil }

// Next implements Source.
func (l *Lines) Next() (Read, error) {
	raw, err := l.line()
	switch {
	case errors.Is(err, io.EOF) && !l.ended && l.number > 0:
		return Read{}, ErrEnd
	case errors.Is(err, io.EOF) && l.number == 0:
		return Read{}, ErrHeader
	case err != nil:
		return Read{}, err
	case l.ended:
		return Read{}, At(ErrEnd, l.number)
	}
	if l.number == 1 {
		return l.header(raw)
	}
	line, err := Decode(raw)
	if err != nil {
		return Read{Number: l.number, Fault: fault.As(err)}, nil
	}
	if end, ok := line.(End); ok {
		l.ended = true
		if end.Lines != l.number-1 {
			return Read{}, At(ErrEnd, l.number)
		}
		return l.Next()
	}
	return Read{Number: l.number, Line: line}, nil
}

func (l *Lines) header(raw []byte) (Read, error) {
	var h Header
	if err := httpx.UnmarshalJSON(raw, &h); err != nil || h.Kind != KindDirectory || h.Version != Version {
		return Read{}, At(ErrHeader, 1)
	}
	return l.Next()
}

// line reads the next one that is not empty, without its end. An empty one counts, too,
// as it does in an editor.
func (l *Lines) line() ([]byte, error) {
	for {
		raw, err := l.any()
		if len(raw) > 0 || err != nil {
			return raw, err
		}
	}
}

// any reads the next line, also an empty one.
func (l *Lines) any() ([]byte, error) {
	var all []byte
	l.number++
	for {
		part, err := l.in.ReadSlice('\n')
		all = append(all, part...)
		text := bytes.TrimRight(all, "\r\n")
		switch {
		case len(text) > MaxLine:
			return nil, At(ErrLine, l.number)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(all) == 0:
			l.number--
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, broken(err)
		default:
			return text, nil
		}
	}
}

// broken is what reading failed with: a fault of its own, or that of a file that ends early.
func broken(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "import_unreadable", "the file could not be read to its end")
}

// At adds to a fault the line that it is in: "line 7" or "line 7: /identities/0".
func At(err error, number int) *fault.Error {
	f := fault.As(err)
	at := fmt.Sprintf("line %d", number)
	if f.Pointer != "" {
		at += ": " + f.Pointer
	}
	return f.At(at)
}

// Decode reads one line, other than the first. The fault points at the place in it.
func Decode(raw []byte) (Line, error) {
	var of struct {
		Kind Kind `json:"kind"`
	}
	if err := json.Unmarshal(raw, &of); err != nil || !utf8.Valid(raw) {
		// What is wrong is told by whoever reads strictly: it has no kind.
		if strict := httpx.UnmarshalJSON(raw, &of); strict != nil && fault.As(strict).Pointer == "" {
			return nil, strict
		}
		return nil, ErrKind
	}
	switch of.Kind {
	case KindPerson:
		return decode[Person](raw)
	case KindUser:
		return decode[User](raw)
	case KindGroup:
		return decode[Group](raw)
	case KindMembership:
		return decode[Membership](raw)
	case KindMapping:
		return decode[Mapping](raw)
	case KindAssignment:
		return decode[Assignment](raw)
	case KindEnd:
		return decode[End](raw)
	case KindDirectory:
	}
	return nil, ErrKind
}

func decode[T Line](raw []byte) (Line, error) {
	var line T
	if err := httpx.UnmarshalJSON(raw, &line); err != nil {
		return nil, err
	}
	if c, ok := any(line).(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return nil, err
		}
	}
	return line, nil
}

// The lengths of texts, in bytes.
const (
	maxID      = 128
	maxSubject = 1024
	maxText    = 512
)

// Plain reports whether a text has at most so many bytes and no control characters.
func Plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) < 0
}

// IsID reports whether a text can be an id here.
func IsID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
