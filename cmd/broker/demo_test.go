package main

import (
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// Who walks through the story has to find where people are hired and fired.
func TestTheDemoSaysWhereItsPagesAre(t *testing.T) {
	const acme, partner = "http://127.0.0.1:1/staff", "Partner Corp"
	f := demo.Facts{
		Issuer: "http://127.0.0.1:8080", Portal: "http://127.0.0.1:8080/apps", Account: "http://127.0.0.1:8080/account",
		IDPs: []demo.FactIDP{{Title: "Acme", Staff: acme, People: []demo.FactPerson{{Username: "alice", Password: "words"}}}, {Title: partner}},
	}
	var out strings.Builder
	if err := (&demoCommand{Addr: "127.0.0.1:8080"}).introduce(&out, f, "broker.sock", "log"); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{acme, f.Portal, f.Account, "At Acme, sign in as", "At " + partner, "alice"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if n := strings.Count(text, "to hire, move and fire"); n != 1 {
		t.Errorf("a provider without such a page has one: %d\n%s", n, text)
	}
}
