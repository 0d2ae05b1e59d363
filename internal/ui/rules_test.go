package ui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule is how the texts begin that say what is wrong with a value.
var rule = regexp.MustCompile(`^(must|is|has|cannot|needs|belongs|unknown|field names|the document|none is|keys are|client certificates|this grant|refresh_token is) `)

// notOnPages are literals that look so and are said on no page: what begins another,
// and rules of the configuration that connections do not have.
var notOnPages = []string{
	"must ", "must be ", "is required and ", "is not valid: ", "must be from %s to %s", "must be from 0, which means no limit, to %d", "must be the id of a connection",
	"must be the id of a group, of at most 500 bytes", "must be 1 to 500 printable bytes", "has a name already",
}

// TestEveryRuleOfManifestsAndConnectionsHasGerman looks for the rules where they are
// written, so that a new one without German fails it.
func TestEveryRuleOfManifestsAndConnectionsHasGerman(t *testing.T) {
	german := speeches(t)["../ui"].german.Rules
	said := map[string]string{}
	for _, files := range []string{"../catalog/*.go", "../strictyaml/*.go", "../../config/connections.go", "../../config/saml.go"} {
		list, err := filepath.Glob(files)
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v", files, err)
		}
		for _, file := range list {
			if !strings.HasSuffix(file, "_test.go") {
				rulesIn(t, file, said)
			}
		}
	}
	for english, where := range said {
		if german[english] == "" {
			t.Errorf("%s says %q: rules in ui/de.yaml has no German for it", where, english)
		}
		if a, b := verbs(english), verbs(german[english]); !slices.Equal(a, b) {
			t.Errorf("%q takes %v, its German %v", english, a, b)
		}
	}
	if len(said) < 100 {
		t.Errorf("only %d rules were found", len(said))
	}
}

func rulesIn(t *testing.T, file string, said map[string]string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, _ := strconv.Unquote(literal.Value); rule.MatchString(text+" ") && strings.Contains(text, " ") && !slices.Contains(notOnPages, text) {
				said[text] = file
			}
		}
		return true
	})
}
