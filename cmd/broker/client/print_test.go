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
