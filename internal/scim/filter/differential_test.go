package filter_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	other "github.com/scim2/filter-parser/v2"
	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// comparisons are what generated filters are made of.
var comparisons = []string{
	`userName eq "a b"`, `userName sw "x"`, `name.familyName co "O'Malley"`, `emails.type ne "work"`, `active eq true`, `active ne false`, `externalId pr`,
	`meta.created ge "2026-01-02T03:04:05Z"`, enterprise + `:employeeNumber ew "9"`, enterprise + `:manager.value eq null`, `tags eq "t"`, `name pr`, `emails pr`,
	longer + `:level gt 12`, longer + `:level le -3`,
}

var within = []string{`type eq "work"`, `value co "@acme.example"`, `primary eq true`, `type pr`, `value ne "x"`}

// drawFilter generates a filter of the grammar.
func drawFilter(t *rapid.T, depth int) string {
	if depth == 0 {
		return rapid.SampledFrom(comparisons).Draw(t, "comparison")
	}
	next := func() string { return drawFilter(t, depth-1) }
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return next() + " and " + next()
	case 1:
		return next() + " or " + next()
	case 2:
		return "(" + next() + ")"
	case 3:
		return "not (" + next() + ")"
	case 4:
		join := rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "join")
		return "emails[" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(within), 1, 2).Draw(t, "within"), join) + "]" // the other parser takes no more of them
	}
	return rapid.SampledFrom(comparisons).Draw(t, "comparison")
}

func TestAnotherParserReadsTheSameInAFilter(t *testing.T) {
	r := names()
	rapid.Check(t, func(t *rapid.T) {
		s := drawFilter(t, 4)
		ours, err := filter.Parse(s, r)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		theirs, err := other.ParseFilter([]byte(s))
		if err != nil {
			t.Fatalf("%s: the other parser refuses it: %v", s, err)
		}
		if a, b := shape(ours), foreign(theirs, ""); a != b {
			t.Fatalf("%s\nis %s\nand the other parser reads %s", s, a, b)
		}
	})
}

// chain joins what is joined by one operator, whatever way a parser nests it.
func chain(op, l, r string) string {
	inner := func(s string) string {
		if rest, ok := strings.CutPrefix(s, op+"("); ok {
			return strings.TrimSuffix(rest, ")")
		}
		return s
	}
	return op + "(" + inner(l) + " " + inner(r) + ")"
}

// shape writes a tree of ours in one way, and foreign one of theirs.
func shape(x filter.Expr) string {
	switch x := x.(type) {
	case filter.And:
		return chain("and", shape(x.L), shape(x.R))
	case filter.Or:
		return chain("or", shape(x.L), shape(x.R))
	case filter.Not:
		return "not(" + shape(x.X) + ")"
	case filter.Present:
		return "(" + x.Path.String() + " pr)"
	case filter.Within:
		return x.Path.String() + "[" + shape(x.X) + "]"
	case filter.Compare:
		return "(" + x.Path.String() + " " + x.Op.String() + " " + written(x.Value) + ")"
	}
	return "?"
}

func written(v filter.Value) string {
	switch v.Kind {
	case filter.Text:
		return strconv.Quote(v.Text)
	case filter.Bool:
		return strconv.FormatBool(v.Bool)
	case filter.Number:
		return strconv.FormatFloat(v.Number, 'g', -1, 64)
	case filter.Time:
		return strconv.Quote(v.Time.Format("2006-01-02T15:04:05.999999999Z07:00"))
	case filter.Null:
	}
	return "null"
}

func foreign(x other.Expression, parent string) string {
	switch x := x.(type) {
	case *other.LogicalExpression:
		return chain(string(x.Operator), foreign(x.Left, parent), foreign(x.Right, parent))
	case *other.NotExpression:
		return "not(" + foreign(x.Expression, parent) + ")"
	case *other.ValuePath:
		return x.AttributePath.String() + "[" + foreign(x.ValueFilter, x.AttributePath.AttributeName+".") + "]"
	case *other.AttributeExpression:
		path := parent + x.AttributePath.String()
		if x.Operator == other.PR {
			return "(" + path + " pr)"
		}
		value := "null"
		switch v := x.CompareValue.(type) {
		case string:
			value = strconv.Quote(v)
		case nil:
		default:
			value = fmt.Sprint(v)
		}
		return "(" + path + " " + strings.ToLower(string(x.Operator)) + " " + value + ")"
	}
	return fmt.Sprintf("%T", x)
}

// text writes a tree as a filter that means the same.
func text(x filter.Expr) string {
	switch x := x.(type) {
	case filter.And:
		return "(" + text(x.L) + ") and (" + text(x.R) + ")"
	case filter.Or:
		return "(" + text(x.L) + ") or (" + text(x.R) + ")"
	case filter.Not:
		return "not (" + text(x.X) + ")"
	case filter.Present:
		return x.Path.String() + " pr"
	case filter.Within:
		return x.Path.String() + "[" + strings.ReplaceAll(text(x.X), x.Path.String()+".", "") + "]"
	case filter.Compare:
		value := written(x.Value)
		if x.Value.Kind == filter.Text {
			raw, _ := json.Marshal(x.Value.Text)
			value = string(raw)
		}
		return x.Path.String() + " " + x.Op.String() + " " + value
	}
	return "?"
}

func FuzzParse(f *testing.F) {
	for _, s := range comparisons {
		f.Add(s)
	}
	f.Add(`emails[type eq "work" and not (value pr)].value eq "\u00e9" or (userName pr)`)
	f.Add(`((((((((((((((((userName pr))))))))))))))))`)
	r := names()
	f.Fuzz(func(t *testing.T, s string) {
		x, err := filter.Parse(s, r)
		if err != nil {
			return
		}
		filter.Match(x, someone)
		if strings.Count(s, "(")+strings.Count(s, "[") > 2 || strings.Contains(s, ".") || len(s) > filter.MaxLength/4 {
			return // written with every parenthesis, it may be over a bound
		}
		again, err := filter.Parse(text(x), r)
		if err != nil || !reflect.DeepEqual(again, x) {
			t.Fatalf("%q is %q, which is %#v (%v)", s, text(x), again, err)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{`userName`, `emails[type eq "work"].value`, enterprise + `:manager.value`, enterprise, `name.familyName`, `[`, `emails[`, `emails[].`} {
		f.Add(s)
	}
	r := names()
	f.Fuzz(func(t *testing.T, s string) {
		p, err := filter.ParsePath(s, r)
		if err != nil {
			return
		}
		if p.Path.Attribute == "" && p.Path.URN == "" {
			t.Fatalf("%q is a path to nothing", s)
		}
		if p.Where != nil {
			filter.MatchElement(p.Where, p.Path, map[string]any{"type": "work"})
		}
	})
}
