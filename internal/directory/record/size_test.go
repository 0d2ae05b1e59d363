package record_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// kept takes what it is given.
type kept struct{ record.Store }

func (kept) Create(_ context.Context, _ string, all []record.New) ([]record.Made, error) {
	made := make([]record.Made, len(all))
	for i, n := range all {
		if n.User != nil {
			made[i].User = *n.User
		}
	}
	return made, nil
}

func (kept) UpdateUser(_ context.Context, _ record.Operation, _, _ string, _ record.Match, change func(record.User) (record.User, error)) (record.User, error) {
	return change(record.User{UserName: "ann"})
}

func TestARecordIsOfABoundedSizeHoweverItIsWritten(t *testing.T) {
	s := record.NewService(record.Options{
		Store: kept{}, Now: time.Now, Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil },
	})
	op := record.Operation{Connection: "acme"}
	for what, c := range map[string]struct {
		attributes map[string]any
		want       error
	}{
		"control: what people have": {map[string]any{"title": "Chief", "emails": []any{map[string]any{"value": "ann@acme.example", "primary": true}}}, nil},
		"control: certificates":     {map[string]any{"x509Certificates": []any{map[string]any{"value": strings.Repeat("M", 100<<10)}}}, nil},
		"one long text":             {map[string]any{"title": strings.Repeat("x", 200<<10)}, record.ErrSize},
		"many values":               {map[string]any{"emails": many(map[string]any{"value": "ann@acme.example"}, 10_000)}, record.ErrSize},
		"many values of nothing":    {map[string]any{"emails": many(true, 200_000)}, record.ErrSize},
	} {
		_, _, err := s.CreateUser(t.Context(), op, record.User{UserName: "ann", Attributes: c.attributes})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: a new user: %v, want %v", what, err, c.want)
		}
		_, _, err = s.CreateGroup(t.Context(), op, record.Group{DisplayName: "team", Attributes: c.attributes}, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: a new group: %v, want %v", what, err, c.want)
		}
		_, err = s.UpdateUser(t.Context(), op, "acme", "id", 0, func(u record.User) (record.User, error) { u.Attributes = c.attributes; return u, nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: a changed user: %v, want %v", what, err, c.want)
		}
	}
}

func many(v any, n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = v
	}
	return all
}
