package ui_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// speech is what a package says on pages.
type speech struct {
	said   map[string]string // English → where
	german struct {
		Texts  map[string]string `yaml:"texts"`
		Faults map[string]string `yaml:"faults"`
		Rules  map[string]string `yaml:"rules"`
	}
}

// speeches reads every package of the product: what its templates and its code
// say, and its German.
func speeches(t *testing.T) map[string]*speech {
	t.Helper()
	all := map[string]*speech{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "demo" || d.Name() == "testdata" || d.Name() == "static") {
			return filepath.SkipDir
		}
		dir := filepath.Dir(file)
		if filepath.Base(dir) == "components" {
			dir = filepath.Dir(dir)
		}
		if all[dir] == nil {
			all[dir] = &speech{said: map[string]string{}}
		}
		s := all[dir]
		switch {
		case d.Name() == "de.yaml":
			body, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if _, faults := strictyaml.Decode(body, &s.german, strictyaml.Options{File: file}); len(faults) > 0 {
				return faults
			}
		case filepath.Ext(file) == ".html":
			return inTemplate(file, s)
		case filepath.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go"):
			return inCode(file, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// inTemplate collects the literals that a template gives to t and tn.
func inTemplate(file string, s *speech) error {
	return eachNode(file, func(n parse.Node) error {
		c, ok := n.(*parse.CommandNode)
		if !ok || len(c.Args) < 2 {
			return nil
		}
		name, ok := c.Args[0].(*parse.IdentifierNode)
		if !ok || name.Ident != "t" && name.Ident != "tn" {
			return nil
		}
		for i, a := range c.Args[1:] {
			if literal, ok := a.(*parse.StringNode); ok && (i == 0 || name.Ident == "tn") {
				s.said[literal.Text] = file
			}
		}
		return nil
	})
}

// inCode collects the literals that code gives to ui.T and ui.N.
func inCode(file string, s *speech) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			if x, ok := fun.X.(*ast.Ident); ok && x.Name == "ui" {
				name = fun.Sel.Name
			}
		case *ast.Ident:
			if f.Name.Name == "ui" {
				name = fun.Name
			}
		}
		texts := map[string][]int{"T": {0}, "N": {1, 2}}[name]
		for _, i := range texts {
			if i >= len(call.Args) {
				continue
			}
			literal, ok := call.Args[i].(*ast.BasicLit)
			if !ok {
				if f.Name.Name != "ui" { // ui's own N gives T one of its two
					err = fmt.Errorf("%s: ui.%s takes a literal, so that its German can be looked for", file, name)
				}
				continue
			}
			text, _ := strconv.Unquote(literal.Value)
			s.said[text] = file
		}
		return true
	})
	return err
}

// eachNode visits what a template file is made of.
func eachNode(file string, visit func(parse.Node) error) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	tree := parse.New(file)
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(body), "{{", "}}", set); err != nil {
		return err
	}
	set["file"] = tree
	for _, one := range set {
		if one.Root != nil {
			if err := walk(one.Root, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func walk(n parse.Node, visit func(parse.Node) error) error {
	if err := visit(n); err != nil {
		return err
	}
	for _, below := range children(n) {
		if err := walk(below, visit); err != nil {
			return err
		}
	}
	return nil
}

func children(n parse.Node) (all []parse.Node) {
	branch := func(b *parse.BranchNode) []parse.Node {
		all := []parse.Node{b.Pipe, b.List}
		if b.ElseList != nil {
			all = append(all, b.ElseList)
		}
		return all
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.TemplateNode:
		if n.Pipe != nil {
			return []parse.Node{n.Pipe}
		}
	case *parse.IfNode:
		return branch(&n.BranchNode)
	case *parse.RangeNode:
		return branch(&n.BranchNode)
	case *parse.WithNode:
		return branch(&n.BranchNode)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			all = append(all, c)
		}
	case *parse.CommandNode:
		return n.Args
	}
	return all
}

// console is where the administrators' pages are: a set of packages that are parsed
// together, of which kit says what several say.
const console = "../portal/console"

func inConsole(dir string) bool { return dir == console || strings.HasPrefix(dir, console+"/") }

func TestEveryTextIsThereInGermanAndNoneIsLeftOver(t *testing.T) {
	all := speeches(t)
	shared, kit, texts := all["../ui"], all[console+"/kit"], 0
	for dir, s := range all {
		for english, where := range s.said {
			german, ok := s.german.Texts[english]
			if !ok && inConsole(dir) {
				german, ok = kit.german.Texts[english]
			}
			if !ok {
				german, ok = shared.german.Texts[english]
			}
			if texts++; !ok {
				t.Errorf("%s says %q: %s/de.yaml has no German for it", where, english, dir)
			} else if a, b := verbs(english), verbs(german); !slices.Equal(a, b) {
				t.Errorf("%s/de.yaml: %q takes %v, its German %v", dir, english, a, b)
			}
		}
		for english, german := range s.german.Texts {
			_, said := s.said[english]
			for other, o := range all {
				if _, also := o.said[english]; also && s == kit && inConsole(other) {
					said = true
				}
				if _, twice := o.german.Texts[english]; twice && other < dir && inConsole(dir) && inConsole(other) {
					t.Errorf("%s/de.yaml: %q is said in %s/de.yaml already; what several say is in kit's", dir, english, other)
				}
			}
			if !said {
				t.Errorf("%s/de.yaml: nothing says %q", dir, english)
			}
			if german == "" {
				t.Errorf("%s/de.yaml: %q is empty", dir, english)
			}
			if other, twice := shared.german.Texts[english]; twice && dir != "../ui" && other == german {
				t.Errorf("%s/de.yaml: %q is said in ui/de.yaml already", dir, english)
			}
		}
	}
	if texts < 40 {
		t.Fatalf("only %d texts were found", texts)
	}
}

// verbs are the places of a text that its arguments fill, in any order.
func verbs(text string) []string {
	return slices.Sorted(slices.Values(regexp.MustCompile(`%(?:\[\d+\])?[a-z]`).FindAllString(text, -1)))
}

// untranslated finds words that stand in a template by themselves.
func untranslated(file string) ([]string, error) {
	var page strings.Builder
	words := regexp.MustCompile(`(?s)<!--.*?-->|<(script|style)\b.*?</(?:script|style)>|<[^>]*>`)
	spoken := regexp.MustCompile(`\b(?:alt|title|placeholder|aria-label|data-label|aria-description|content)="([^"]*)"`)
	err := eachNode(file, func(n parse.Node) error {
		if text, ok := n.(*parse.TextNode); ok {
			page.Write(text.Text)
			page.WriteString("\x00") // where an action stands
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found []string
	letters := func(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }
	html := page.String()
	for _, m := range spoken.FindAllStringSubmatch(html, -1) {
		if letters(m[1]) && !strings.Contains(m[1], "width=device-width") && m[1] != "light dark" {
			found = append(found, m[1])
		}
	}
	for _, text := range strings.Split(words.ReplaceAllString(html, "\x01"), "\x01") {
		if letters(text) {
			found = append(found, strings.TrimSpace(strings.ReplaceAll(text, "\x00", "")))
		}
	}
	return found, nil
}

func TestNoPageSaysWhatCannotBeTranslated(t *testing.T) {
	pages := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "demo" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(file) != ".html" {
			return nil
		}
		pages++
		if body, err := os.ReadFile(file); err != nil || strings.Contains(string(body), `<div lang="en">`) {
			return err // a reference that is written in English, and says so
		}
		found, err := untranslated(file)
		for _, text := range found {
			t.Errorf("%s: %q is not given to t", file, text)
		}
		return err
	})
	if err != nil || pages < 10 {
		t.Fatal(pages, err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(`{{define "body"}}<p title="Wrong">{{t "right"}} wrong {{.Name}}</p>{{end}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := untranslated(file); err != nil || len(found) != 2 {
		t.Errorf("a page with two such texts: %q, %v", found, err)
	}
}

// faultCodes finds the codes of the faults that code makes.
func faultCodes(t *testing.T, dir string) map[string]bool {
	t.Helper()
	codes := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fun.Sel.Name != "New" && fun.Sel.Name != "Wrap" {
				return true
			}
			if x, ok := fun.X.(*ast.Ident); !ok || x.Name != "fault" || strings.HasSuffix(file, "_test.go") {
				return true
			}
			for _, a := range call.Args[1:min(3, len(call.Args))] {
				literal, ok := a.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					continue
				}
				if code, _ := strconv.Unquote(literal.Value); !strings.ContainsAny(code, " %") {
					codes[code] = true
				}
				break
			}
			return true
		})
	}
	return codes
}

// Whatever fails on the way through a sign-in and on our own pages says so in
// German too; a fault of another place without a sentence of its own says what kind
// it is.
func TestFaultsOnPagesAreSaidInGerman(t *testing.T) {
	german := speeches(t)["../ui"].german.Faults
	used := map[string]bool{}
	used["saml"] = true // the checks of documents, which say one thing
	faces := []string{"../ui", "../login", "../portal", "../portal/why", "../upstream", "../saml", "../saml/idp", "../session", "../entitlement", "../admin", "../porting", "../porting/keycloak", "../porting/dex"}
	for dir := range speeches(t) {
		if inConsole(dir) {
			faces = append(faces, dir)
		}
	}
	for _, dir := range faces {
		for code := range faultCodes(t, dir) {
			used[code] = true
			if german[code] == "" {
				t.Errorf("%s: the fault %s has no German in de.yaml", dir, code)
			}
		}
	}
	for _, kind := range []string{"invalid", "unauthenticated", "denied", "not_found", "conflict", "too_many", "unavailable", "internal"} {
		used[kind] = true
		if german[kind] == "" {
			t.Errorf("the kind %s has no German", kind)
		}
	}
	for dir := range speeches(t) {
		maps.Copy(used, faultCodes(t, dir))
	}
	for code := range german {
		if !used[code] {
			t.Errorf("de.yaml: no fault has the code %s", code)
		}
	}
}
