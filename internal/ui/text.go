package ui

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// Text is something that a page says, in whatever language it is shown in. Make
// one with T, N or Plain; the zero Text is empty.
//
// Texts are written in English where they are used. The German ones stand in
// de.yaml beside the templates of each package, by their English; tests hold it
// to be complete.
type Text struct {
	key   string
	plain bool
	// rule says that it is one of strictyaml's, whose German stands by itself.
	rule bool
	args []any
}

// T is a text of ours: key is English, with the verbs of fmt for args. An
// argument may be a Text itself.
func T(key string, args ...any) Text { return Text{key: key, args: args} }

// N is one of two texts of ours, by n. Without args, n is the argument.
func N(n int, one, other string, args ...any) Text {
	if len(args) == 0 {
		args = []any{n}
	}
	if n == 1 {
		return T(one, args...)
	}
	return T(other, args...)
}

// Either says that one of the names will do: "a, b or c".
func Either(names []string) Text {
	if len(names) < 2 {
		return Plain(strings.Join(names, ""))
	}
	last := len(names) - 1
	return T("%s or %s", strings.Join(names[:last], ", "), names[last])
}

// Plain is a text that means the same in every language, such as a name.
func Plain(s string) Text { return Text{key: s, plain: true} }

// Empty reports whether there is nothing to say.
func (t Text) Empty() bool { return t.key == "" }

// catalogue holds what one language says for our English.
type catalogue struct {
	Texts map[string]string `yaml:"texts"`
	// Faults are sentences by fault code. Where a code has none, a sentence about
	// its kind is said.
	Faults map[string]string `yaml:"faults"`
	// Rules are what documents break, by the English of who reads those: see Rule.
	Rules map[string]string `yaml:"rules"`
}

// Join is the files of several packages whose pages are one set: a file is that of the
// first that has it, and the German texts, which are read here once, are those of all.
// No two of them say the same English in different German.
func Join(all ...Files) (Files, error) {
	j := joined{files: all, german: catalogue{Texts: map[string]string{}}}
	for _, one := range all {
		own, err := german(one)
		if err != nil {
			return nil, err
		}
		maps.Copy(j.german.Texts, own.Texts)
	}
	return j, nil
}

type joined struct {
	files  []Files
	german catalogue
}

// Open implements fs.FS.
func (j joined) Open(name string) (fs.File, error) {
	for _, from := range j.files {
		if f, err := from.Open(name); err == nil {
			return f, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// german reads de.yaml of a package; without the file there are no texts.
func german(from fs.FS) (catalogue, error) {
	if j, ok := from.(joined); ok {
		return j.german, nil
	}
	var c catalogue
	body, err := fs.ReadFile(from, "de.yaml")
	if err != nil {
		return c, nil //nolint:nilerr // a package without texts of its own
	}
	if _, faults := strictyaml.Decode(body, &c, strictyaml.Options{File: "de.yaml"}); len(faults) > 0 {
		return c, fmt.Errorf("german texts: %w", faults.Err())
	}
	return c, nil
}

// English is what t says in English, for files and logs.
func (t Text) English() string { return (&locale{print: message.NewPrinter(language.English)}).say(t) }
