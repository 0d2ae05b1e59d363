// Package jsonstream reads a large JSON text (RFC 8259) piece by piece, in bounded memory
// and with the numbers of lines.
package jsonstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

var (
	// ErrSyntax refuses what is no JSON, or not of the shape that was asked for.
	ErrSyntax = errors.New("not the JSON that is expected")
	// ErrLarge refuses a value that has more bytes than it may.
	ErrLarge = errors.New("a value is too large")
)

// The bounds of what is passed over.
const (
	maxDepth = 100
	maxToken = 1 << 20
	// slack is how much is read ahead.
	slack = 64 << 10
)

// Reader reads one text after the other.
type Reader struct {
	dec *json.Decoder
	src *source
}

// source bounds how far is read, and notes where lines end.
type source struct {
	in io.Reader
	// read is how many bytes were read, most how many may be.
	read, most int64
	// ends are where lines end that were read and not passed.
	ends []int64
	line int
	err  error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	left := s.most - s.read
	if left <= 0 {
		s.err = ErrLarge
		return 0, ErrLarge
	}
	n, err := s.in.Read(p[:min(int64(len(p)), left)])
	for i, b := range p[:n] {
		if b == '\n' {
			s.ends = append(s.ends, s.read+int64(i))
		}
	}
	s.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// NewReader returns a Reader.
func NewReader(in io.Reader) *Reader {
	src := &source{in: in, line: 1}
	r := &Reader{json.NewDecoder(src), src}
	return r
}

// Line is the number of the line that is being read, from 1.
func (r *Reader) Line() int {
	at := r.dec.InputOffset()
	passed := 0
	for passed < len(r.src.ends) && r.src.ends[passed] < at {
		passed++
	}
	r.src.ends = slices.Delete(r.src.ends, 0, passed)
	r.src.line += passed
	return r.src.line
}

// bound lets the next value have so many bytes.
func (r *Reader) bound(most int64) { r.src.most = r.dec.InputOffset() + most + slack }

// broken is what reading failed with: that of the source, which is told as it is, or
// ErrSyntax.
func (r *Reader) broken(err error) error {
	switch {
	case err == nil:
		return nil
	case r.src.err != nil:
		return r.src.err
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", ErrSyntax, err)
}

// More reports whether the list or object that is open has more; outside of any, whether
// another text follows.
func (r *Reader) More() bool {
	r.bound(maxToken)
	more := r.dec.More()
	r.Line() // what was passed is let go
	return more
}

// Err is what the source failed with, nil for nothing.
func (r *Reader) Err() error { return r.src.err }

// Open and Close read one bracket.
func (r *Reader) Open(bracket json.Delim) error { return r.bracket(bracket) }

// Begin reads the bracket that opens a list or an object.
func (r *Reader) Begin() (json.Delim, error) {
	token, err := r.token()
	if err != nil {
		return 0, err
	}
	d, ok := token.(json.Delim)
	if !ok || d != '[' && d != '{' {
		return 0, ErrSyntax
	}
	return d, nil
}

// Close reads a closing one.
func (r *Reader) Close(bracket json.Delim) error { return r.bracket(bracket) }

func (r *Reader) bracket(want json.Delim) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	if token != want {
		return ErrSyntax
	}
	return nil
}

func (r *Reader) token() (json.Token, error) {
	r.bound(maxToken)
	token, err := r.dec.Token()
	return token, r.broken(err)
}

// Name reads the next name of an object, or its closing bracket, which more says.
func (r *Reader) Name() (name string, more bool, err error) {
	token, err := r.token()
	if err != nil || token == json.Delim('}') {
		return "", false, err
	}
	name, ok := token.(string)
	if !ok {
		return "", false, ErrSyntax
	}
	return name, true, nil
}

// Value reads a value of at most so many bytes, and some more, as it is written, and the
// line that it begins in.
func (r *Reader) Value(most int64) (raw json.RawMessage, line int, err error) {
	r.bound(most)
	if err := r.broken(r.dec.Decode(&raw)); err != nil {
		return nil, r.Line(), err
	}
	return raw, r.Line() - bytes.Count(raw, []byte{'\n'}), nil
}

// Skip passes over a value without keeping it.
func (r *Reader) Skip() error {
	for depth := 0; ; {
		token, err := r.token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		r.Line()
		if depth > maxDepth {
			return ErrSyntax
		}
		if depth <= 0 {
			return nil
		}
	}
}
