package keycloak_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/keycloak"
)

func FuzzSource(f *testing.F) {
	f.Add(`{"groups":[{"id":"g","name":"a/b","subGroups":[{"id":"h","name":"c"}]}],"users":[{"id":"u","username":"n","groups":["/a/b/c"],"federatedIdentities":[{"identityProvider":"google","userId":"1"}]}]}`)
	f.Add(`{"users":[{"id":"u","groups":["/g"],"credentials":[{"secretData":"x"}],"enabled":false}]}{"groups":[{"id":"g","name":"g"}]}`)
	f.Add(`{"users":[{"id":7},{"attributes":{"locale":["de"]}}],"x":[[[{}]]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := keycloak.New(strings.NewReader(text), porting.Options{Connections: map[string]string{"google": "here"}, Subjects: "itself", Groups: "kept"})
		for {
			r, err := s.Next()
			if err != nil {
				if again, second := s.Next(); errors.Is(err, io.EOF) && !errors.Is(second, io.EOF) {
					t.Fatalf("behind the end is %+v", again)
				}
				return
			}
			c, ok := r.Line.(interface{ Check() error })
			if r.Fault == nil && (!ok || c.Check() != nil) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
