package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// raised is where an event comes from and what it carries.
type raised struct {
	packages, attributes []string
}

// events lists the types of events: each is an audit entry, and some are sent on
// from the outbox. They are found where event.New makes them.
func events(_ context.Context, root string) (string, error) {
	found := map[string]*raised{}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(filepath.Dir(name), "test") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			pkg := filepath.Base(filepath.Dir(name))
			switch n := n.(type) {
			case *ast.CallExpr:
				if first := attributesFrom(n.Fun); first > 0 {
					collect(found, n.Args, first, pkg)
				}
			case *ast.AssignStmt:
				if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Type" {
					collect(found, n.Rhs, len(n.Rhs), pkg)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("look for events: %w", err)
	}
	var b strings.Builder
	b.WriteString("# Events\n\n" + generated +
		"Every change writes an event in its own transaction. It is an entry of the audit log: time, type, actor (kind, id, address,\n" +
		"request), subject and the attributes named here. `broker audit list --type TYPE` finds them; a type that ends in a dot finds all\n" +
		"that begin with it.\n\n| type | raised by | attributes |\n|---|---|---|\n")
	for _, typ := range slices.Sorted(maps.Keys(found)) {
		r := found[typ]
		slices.Sort(r.packages)
		slices.Sort(r.attributes)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", typ, strings.Join(slices.Compact(r.packages), ", "), strings.Join(slices.Compact(r.attributes), ", "))
	}
	return b.String(), nil
}

// collect notes an event whose type is among the expressions. The names of its
// attributes and their values take turns from the expression first on.
func collect(found map[string]*raised, expressions []ast.Expr, first int, pkg string) {
	for _, e := range expressions[:min(first, len(expressions))] {
		typ, ok := literal(e)
		if !ok || !isType(typ) {
			continue
		}
		r := found[typ]
		if r == nil {
			r = &raised{}
			found[typ] = r
		}
		r.packages = append(r.packages, pkg)
		for i := first; i < len(expressions); i += 2 {
			if name, ok := literal(expressions[i]); ok && isWord(name) {
				r.attributes = append(r.attributes, "`"+name+"`")
			}
		}
	}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// isWord reports whether text is a name as events and attributes have it.
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// isType reports whether text has the form of an event's type: noun.verb.
func isType(text string) bool {
	noun, verb, ok := strings.Cut(text, ".")
	return ok && isWord(noun) && isWord(verb)
}

// attributesFrom returns where the attributes begin in a call of event.New (after
// time, type, actor and subject) or of a tell that calls it (after type and
// subject), and 0 for any other function.
func attributesFrom(fun ast.Expr) int {
	if f, ok := fun.(*ast.Ident); ok && f.Name == "New" { // within package event
		return 4
	}
	f, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return 0
	}
	x, ok := f.X.(*ast.Ident)
	switch {
	case ok && x.Name == "event" && f.Sel.Name == "New":
		return 4
	case ok && f.Sel.Name == "tell":
		return 2
	}
	return 0
}
