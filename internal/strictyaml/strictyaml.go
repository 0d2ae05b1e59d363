// Package strictyaml reads one YAML (or JSON) document into a struct and leaves
// nothing unsaid: unknown and repeated fields, values of another type, aliases
// that explode and documents that are too large or too deep are refused, and all
// faults are reported at once, each with file, line, column and path.
//
// Struct fields are matched by their yaml tag. Text is never made from numbers
// or booleans: `version: 1.0` is a fault, not "1".
package strictyaml

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// The limits of a document, beside Options.MaxBytes.
const (
	maxDepth = 32
	// maxNodes counts values after aliases are followed.
	maxNodes = 50_000
)

// Options say how a document is read.
type Options struct {
	// File names the document in faults.
	File string
	// MaxBytes is the largest document; 0 means 1 MiB.
	MaxBytes int
	// Unknown explains an unknown field by its path, or returns "" for the usual
	// sentence. It may be nil.
	Unknown func(path string) string
}

// Fault is one thing that is wrong with a document.
type Fault struct {
	File string `json:"file"`
	// Line and Column count from 1; 0 when the fault is nowhere in particular.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is dotted, with [n] for list items; empty for the whole document.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// format and args are what Message was made of.
	format string
	args   []any
}

// say words the fault.
func (f Fault) say(format string, args ...any) Fault {
	f.Message, f.format, f.args = fmt.Sprintf(format, args...), format, args
	return f
}

// said is f, worded.
func said(f Fault, format string, args ...any) *Fault {
	f = f.say(format, args...)
	return &f
}

// Words are what the message was made of, for who says it in another language: a text
// with the verbs of fmt, and its arguments.
func (f Fault) Words() (format string, args []any) {
	if f.format == "" {
		return f.Message, nil
	}
	return f.format, f.args
}

// Error returns "file:line:column: path: message", without what is not known.
func (f Fault) Error() string {
	s := f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	if s != "" {
		s += ": "
	}
	if f.Path != "" {
		s += f.Path + ": "
	}
	return s + f.Message
}

// Faults are all faults of one or more documents. As an error it has one line
// for each.
type Faults []Fault

// Error returns the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Covers reports whether a fault of file is at path or around it: then a second
// one about the same value would only be noise.
func (f Faults) Covers(file, path string) bool {
	return slices.ContainsFunc(f, func(fault Fault) bool {
		rest, within := strings.CutPrefix(path, fault.Path)
		return fault.File == file && within && (fault.Path == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Err returns f as an error, in the order of files and lines, or nil when there
// is no fault.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f
}

// Document knows where in a file each value stood, for faults that only the
// document's reader can find.
type Document struct {
	file      string
	positions map[string]position
}

type position struct{ line, column int }

// Fault returns a fault at path, or at the nearest parent that is present.
func (d *Document) Fault(path, message string, args ...any) Fault {
	f := Fault{File: d.file, Path: path}.say(message, args...)
	for at := path; ; at = parent(at) {
		if p, ok := d.positions[at]; ok {
			f.Line, f.Column = p.line, p.column
			return f
		}
		if at == "" {
			return f
		}
	}
}

// Has reports whether the document has a value at path.
func (d *Document) Has(path string) bool { _, ok := d.positions[path]; return ok }

// parent cuts the last element off a path.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// Decode reads data into target, a pointer to a struct. What could be read is in
// target even when there are faults, so that its reader may look for more.
func Decode(data []byte, target any, o Options) (*Document, Faults) {
	w := &walker{options: o, doc: &Document{file: o.File, positions: map[string]position{}}}
	limit := o.MaxBytes
	if limit == 0 {
		limit = 1 << 20
	}
	if len(data) > limit {
		w.faults = append(w.faults, Fault{File: o.File}.say("is larger than %d bytes", limit))
		return w.doc, w.faults
	}
	root, fault := parse(data, o.File)
	if fault != nil {
		return w.doc, Faults{*fault}
	}
	w.value(root, reflect.ValueOf(target).Elem(), "", 0)
	if w.stopped { // the rest was not read: what is said of it would be guesswork
		return w.doc, w.faults[len(w.faults)-1:]
	}
	return w.doc, w.faults
}

// parse returns the root value of the only document in data.
func parse(data []byte, file string) (*yaml.Node, *Fault) {
	if json.Valid(data) {
		// JSON may be indented by tabs, which YAML forbids. In valid JSON no tab
		// stands inside of a string.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(2*maxDepth))))
	if err != nil {
		return nil, said(Fault{File: file}, "%s", err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, said(Fault{File: file}, "is empty")
	} else if err != nil {
		return nil, syntaxFault(err, file)
	}
	if err := loader.Load(&second); err == nil {
		return nil, said(Fault{File: file, Line: second.Line, Column: second.Column}, "has more than one document")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxFault(err, file)
	}
	if first.Kind != yaml.DocumentNode || len(first.Content) != 1 {
		return nil, said(Fault{File: file}, "is empty")
	}
	return first.Content[0], nil
}

// syntaxFault is the fault of text that is no YAML at all.
func syntaxFault(err error, file string) *Fault {
	var at *yaml.LoadError
	if errors.As(err, &at) {
		return said(Fault{File: file, Line: at.Mark.Line, Column: max(at.Mark.Column, 1)}, "is not valid YAML: %s", at.Message)
	}
	return said(Fault{File: file}, "is not valid YAML: %s", err)
}
