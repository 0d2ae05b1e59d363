package dex_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/dex"
)

// The sub that Dex's documentation shows of a user of GitHub.
func TestTheSubIsThatOfDex(t *testing.T) {
	if got := dex.Subject("2342342", "github"); got != "CgcyMzQyMzQyEgZnaXRodWI" {
		t.Error(got)
	}
}

func FuzzSource(f *testing.F) {
	f.Add(`[{"user_id":"a","conn_id":"google"},{"claims_user_id":"b","connector_id":"google","claims_groups":"[\"g\"]","claims_email":"e"}]`)
	f.Add(`{"kind":"List","items":[{"kind":"RefreshToken","claims":{"userID":"a"},"connectorID":"google"}],"metadata":{}}`)
	f.Add(`{"items":[],"items":[{}]} [] {}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := dex.New(strings.NewReader(text), porting.Options{Connections: map[string]string{"google": "here", dex.Local: "here"}})
		for n := 0; ; n++ {
			r, err := s.Next()
			if err != nil {
				if again, second := s.Next(); errors.Is(err, io.EOF) && !errors.Is(second, io.EOF) {
					t.Fatalf("behind the end is %+v", again)
				}
				return
			}
			if n > len(text) {
				t.Fatal("more lines than bytes")
			}
			if p, ok := r.Line.(porting.Person); r.Fault == nil && (!ok || p.Check() != nil || len(p.Identities) == 0 || p.Identities[0].Connection != "here") {
				t.Fatalf("%+v", r)
			}
		}
	})
}
