package trace_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

func TestACodeIsUnderstoodAsPeopleWriteIt(t *testing.T) {
	id := trace.NewID()
	if again := trace.NewID(); again == id || len(id) != 14 {
		t.Fatalf("%s %s", id, again)
	}
	for _, text := range []string{id, strings.ToLower(id), strings.ReplaceAll(id, "-", ""), " " + strings.ReplaceAll(id, "-", " ") + " "} {
		if got, err := trace.ParseID(text); err != nil || got != id {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	if got, err := trace.ParseID("oil0-0000-000u"); err != nil || got != "0110-0000-000V" {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{"", "AAAA-BBBB", "AAAA-BBBB-CCCC-D", "AAAA-BBBB-CC*C", "ÄAAA-BBBB-CCC"} {
		if got, err := trace.ParseID(bad); !errors.Is(err, trace.ErrNotFound) {
			t.Errorf("%q: %q %v", bad, got, err)
		}
	}
}

func TestTheFirstCheckThatFailedIsWhy(t *testing.T) {
	all := trace.Trace{Checks: []identity.Check{{Name: "a", Passed: true}, {Name: "b"}, {Name: "c"}}}
	if c, ok := all.Failed(); !ok || c.Name != "b" {
		t.Errorf("%+v", c)
	}
	if c, ok := (trace.Trace{Checks: all.Checks[:1]}).Failed(); ok {
		t.Errorf("%+v", c)
	}
}
