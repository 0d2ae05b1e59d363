package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// kinds says how a type of the configuration is written.
var kinds = map[string]string{
	"string": "text", "bool": "true or false", "int": "number", "int64": "number", "float64": "number",
	"time.Duration": "duration, such as `8h`", "Secret": "secret", "netip.Prefix": "network, such as `10.0.0.0/8`", "ast.Expr": "",
}

// configuration lists every key with its variable and what is said of it where it
// is declared.
func configuration(_ context.Context, root string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, "config", "*.go"))
	if err != nil {
		return "", fmt.Errorf("find package config: %w", err)
	}
	types := map[string]*ast.StructType{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return "", fmt.Errorf("read package config: %w", err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if t, ok := n.(*ast.TypeSpec); ok {
				if s, ok := t.Type.(*ast.StructType); ok {
					types[t.Name.Name] = s
				}
			}
			return true
		})
	}
	var b strings.Builder
	b.WriteString("# Configuration\n\n" + generated +
		"One YAML file, `broker.yaml` unless `--config` or `GATEHOUSE_CONFIG` names another, and the environment, which wins. `broker check`\n" +
		"reports every fault at once with its place. A secret may be read from a file: add `_file` to its key or `_FILE` to its variable.\n" +
		"[The sample](../../config/broker.yaml) shows every key in place.\n\n| key | what it is | variable |\n|---|---|---|\n")
	keys(&b, types, types["Config"], "")
	return b.String(), nil
}

func keys(b *strings.Builder, types map[string]*ast.StructType, s *ast.StructType, prefix string) {
	for _, f := range s.Fields.List {
		key := prefix + tagged(f)
		if strings.HasSuffix(key, "_file") {
			continue // said once above
		}
		name, list := typeName(f.Type)
		about := comment(f)
		if nested, ok := types[name]; ok && name != "Secret" {
			if list {
				fmt.Fprintf(b, "| `%s` | A list. %s | |\n", key, about)
				keys(b, types, nested, key+"[].")
				continue
			}
			keys(b, types, nested, key+".")
			continue
		}
		kind := kinds[name]
		if kind == "" {
			kind = name
		}
		if list {
			kind = "list of: " + kind
		}
		variable := ""
		if !strings.Contains(key, "[]") {
			variable = "`GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + "`"
		}
		fmt.Fprintf(b, "| `%s` | *%s.* %s | %s |\n", key, kind, about, variable)
	}
}

func tagged(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
	return name
}

func comment(f *ast.Field) string {
	text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
	return strings.ReplaceAll(text, "|", `\|`)
}

// typeName names a field's type, without the list or pointer around it.
func typeName(e ast.Expr) (name string, list bool) {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name, false
	case *ast.SelectorExpr:
		inner, _ := typeName(t.X)
		return inner + "." + t.Sel.Name, false
	case *ast.ArrayType:
		name, _ = typeName(t.Elt)
		return name, true
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.MapType:
		inner, _ := typeName(t.Value)
		return "names and " + inner, false
	}
	return "value", false
}
