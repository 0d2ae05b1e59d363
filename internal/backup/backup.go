// Package backup is the form of a backup, the same for every database engine:
//
//	age ( gzip ( header, then per table its columns and its rows, then the end ) )
//
// each a line of JSON. The encryption is age (C2SP age-encryption.org/v1), so that
// nothing of a backup can be changed, cut off or put in without Open or Each saying
// so. Its key is wrapped under the broker's encryption keys, and for further
// X25519 recipients, whose owners read it with `age -d | gunzip`.
//
// The end repeats how many rows each table has. Who restores trusts nothing before
// Each has returned nil.
package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Format is the version of the form. A reader refuses any other.
const Format = 1

// The refusals of a backup.
var (
	ErrKey     = fault.New(fault.Denied, "backup_key", "the backup was made under another encryption key: configure that one, if need be as a previous key")
	ErrDamaged = fault.New(fault.Invalid, "backup_damaged", "the backup is incomplete or was changed: take another one")
	ErrFormat  = fault.New(fault.Invalid, "backup_format", "this is no backup that this version can read")
)

// Header says what a backup is of.
type Header struct {
	Format int `json:"format"`
	// Migration is the level of the schema that the rows are of.
	Migration int64 `json:"migration"`
	// Era and Generation are of the database that was backed up.
	Era        string `json:"era"`
	Generation int64  `json:"generation"`
	// Taken is when the rows were read, all at one moment.
	Taken time.Time `json:"taken"`
	// Engine is what the rows were read from. They can be restored to any.
	Engine string `json:"engine"`
}

// Kind is the type of a column, the same for every engine.
type Kind string

// The kinds. A value of each is nil, or a string, int64, bool or []byte.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Boolean Kind = "boolean"
	Bytes   Kind = "bytes"
)

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Table begins the rows of a table.
type Table struct {
	Name    string   `json:"table"`
	Columns []Column `json:"columns"`
}

// Counts are rows by table.
type Counts map[string]int64

// end is the last line.
type end struct {
	Rows Counts `json:"end"`
}

// Writer writes the lines of a backup.
type Writer struct {
	out    *bufio.Writer
	counts Counts
	table  Table
}

// NewWriter begins a backup with its header, whose Format it sets.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	b := &Writer{out: bufio.NewWriterSize(w, 64<<10), counts: Counts{}}
	h.Format = Format
	return b, b.line(h)
}

func (w *Writer) line(v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = w.out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// Table begins a table; the rows that follow are of it.
func (w *Writer) Table(t Table) error {
	w.table, w.counts[t.Name] = t, 0
	return w.line(t)
}

// Row writes the values of a row in the order of the table's columns.
func (w *Writer) Row(values []any) error {
	w.counts[w.table.Name]++
	line := make([]any, len(values))
	for i, v := range values {
		line[i] = v
		if text, ok := v.(string); ok && !utf8.ValidString(text) {
			line[i] = raw{[]byte(text)} // JSON would replace what is not UTF-8
		}
	}
	return w.line(line)
}

// raw is a text that is not UTF-8.
type raw struct {
	Raw []byte `json:"raw"`
}

// Close writes the end and tells how many rows there were. What it was given to
// write to stays open.
func (w *Writer) Close() (Counts, error) {
	if err := w.line(end{w.counts}); err != nil {
		return nil, err
	}
	if err := w.out.Flush(); err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	return w.counts, nil
}

// Visitor takes what a backup has, in its order.
type Visitor interface {
	Table(t Table) error
	Row(values []any) error
}

// Reader reads the lines of a backup.
type Reader struct {
	in     *bufio.Reader
	header Header
}

// NewReader reads the header. It fails with ErrFormat or ErrDamaged.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{in: bufio.NewReaderSize(r, 64<<10)}
	line, err := b.line()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &b.header); err != nil || b.header.Format != Format {
		return nil, ErrFormat
	}
	return b, nil
}

// Header returns what the backup is of.
func (r *Reader) Header() Header { return r.header }

func (r *Reader) line() ([]byte, error) {
	line, err := r.in.ReadBytes('\n')
	if err != nil {
		return nil, damaged(err)
	}
	return line, nil
}

// Each hands every table and row to v and returns how many rows there were. It
// fails with ErrDamaged when the backup does not end as it was written, and with
// what v fails with.
func (r *Reader) Each(v Visitor) (Counts, error) {
	counts, table := Counts{}, Table{}
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(line, []byte("[")) {
			values, err := decode(line, table.Columns)
			if err != nil {
				return nil, err
			}
			counts[table.Name]++
			if err := v.Row(values); err != nil {
				return nil, err
			}
			continue
		}
		var next struct {
			Table
			end
		}
		if err := json.Unmarshal(line, &next); err != nil {
			return nil, damaged(err)
		}
		if next.Rows != nil {
			return counts, r.finish(counts, next.Rows)
		}
		if _, twice := counts[next.Name]; twice {
			return nil, ErrDamaged
		}
		table, counts[next.Name] = next.Table, 0
		if err := v.Table(table); err != nil {
			return nil, err
		}
	}
}

// finish checks the end: the counts agree, and nothing follows. Reading to the end
// is also what authenticates the last chunk.
func (r *Reader) finish(counts, said Counts) error {
	if !maps.Equal(counts, said) {
		return ErrDamaged
	}
	switch _, err := r.in.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return damaged(err)
	}
	return ErrDamaged
}

// decode reads a row by the kinds of its columns.
func decode(line []byte, columns []Column) ([]any, error) {
	var cells []json.RawMessage
	if err := json.Unmarshal(line, &cells); err != nil || len(cells) != len(columns) {
		return nil, damaged(err)
	}
	values := make([]any, len(cells))
	for i, c := range cells {
		var err error
		if values[i], err = value(c, columns[i].Kind); err != nil {
			return nil, damaged(fmt.Errorf("column %s: %w", columns[i].Name, err))
		}
	}
	return values, nil
}

func value(cell json.RawMessage, kind Kind) (any, error) {
	if string(cell) == "null" {
		return nil, nil //nolint:nilnil // an absent value
	}
	switch kind {
	case Text:
		if bytes.HasPrefix(cell, []byte("{")) {
			var r raw
			err := json.Unmarshal(cell, &r)
			return string(r.Raw), err
		}
		return as[string](cell)
	case Integer:
		return as[int64](cell)
	case Boolean:
		return as[bool](cell)
	case Bytes:
		return as[[]byte](cell)
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

func as[T any](cell json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(cell, &v)
	return v, err
}

// damaged is ErrDamaged around a cause; a fault passes.
func damaged(cause error) error {
	if _, ok := errors.AsType[*fault.Error](cause); ok {
		return cause
	}
	return fault.Wrap(cause, ErrDamaged.Kind, ErrDamaged.Code, "%s", ErrDamaged.Detail)
}
