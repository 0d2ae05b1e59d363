package client

import (
	"strings"
	"testing"
)

func TestAColumnHasTheMembersOfEveryThingInAList(t *testing.T) {
	var out strings.Builder
	answer := []byte(`{"items":[{"app":"desk","scopes":[{"scope":"read","agreed":true},{"scope":"write\u001b","agreed":false}]},{"app":"idle","scopes":[]}]}`)
	err := PrintTable(&out, answer, []Column{{Title: "APP", Member: "app"}, {Title: "SCOPE", Member: "scopes.scope"}, {Title: "AGREED", Member: "scopes.agreed"}})
	want := "APP   SCOPE       AGREED\ndesk  read,write  yes,no\nidle  -           -\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestAListWithinAThingIsATable(t *testing.T) {
	var out strings.Builder
	answer := []byte(`{"id":"r1","by":{"kind":"person","id":"ada"},"tags":["a","b"],"consequences":[` +
		`{"name":"logout","state":"done","done":2,"of":{"app":"desk"},"error":""},{"name":"signals\u001b","state":"waiting","error":""}],"empty":[]}`)
	err := PrintFacts(&out, answer)
	want := "by.id    ada\nby.kind  person\nempty    -\nid       r1\ntags     a,b\n\n" +
		"CONSEQUENCES\n  DONE  NAME     OF.APP  STATE\n  2     logout   desk    done\n  -     signals  -       waiting\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}

// TestTheListsOfAThingHaveTheColumnsThatAreDeclared is about what hangs from a thing, of
// which not everything fits on a line.
func TestTheListsOfAThingHaveTheColumnsThatAreDeclared(t *testing.T) {
	answer := []byte(`{"id": "b", "line": [{"id": "a", "state": "live", "person": "alice", "purpose": ""}], "notes": ["One ends.", "Another goes on."], "names": ["Alice Moreau", "Bob Okafor"]}`)
	var out strings.Builder
	if err := PrintFactsOf(&out, answer, []Column{{"STATE", "state"}, {"ID", "id"}, {"PURPOSE", "purpose"}}); err != nil {
		t.Fatal(err)
	}
	const want = `id     b
names  Alice Moreau,Bob Okafor
notes  One ends.
       Another goes on.

LINE
  STATE  ID
  live   a
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}
