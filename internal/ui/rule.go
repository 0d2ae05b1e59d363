package ui

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// required begins the rule about a value that is not there.
const required = "is required and "

// Rule is what a document breaks, in the language of the page. The German stands
// under rules in de.yaml of this package, by what strictyaml.Fault.Words returns; an
// argument that is a rule, or a part of one, is said in German too.
func Rule(f strictyaml.Fault) Text {
	format, args := f.Words()
	t := Text{rule: true, key: format}
	for _, a := range args {
		switch a := a.(type) {
		case string:
			t.args = append(t.args, Text{rule: true, key: a})
		case error:
			t.args = append(t.args, Text{rule: true, key: a.Error()})
		default:
			t.args = append(t.args, a)
		}
	}
	if rest, ok := strings.CutPrefix(format, required); ok {
		t.key = rest
		return Text{rule: true, key: required + "%s", args: []any{t}}
	}
	return t
}
