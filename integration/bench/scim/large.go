package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
)

// large measures requests as large as they may be: a group that is made with all its
// members, and one that is replaced by itself without one of them.
func (b *bench) large(ctx context.Context) error {
	c := b.client(1)
	members := make([]any, b.big)
	for i := range members {
		members[i] = map[string]any{"value": b.users[2*i], "display": mail(2 * i)}
	}
	group := func(n int) ([]byte, error) {
		return json.Marshal(map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Large", "externalId": "large", "members": members[:n],
		})
	}
	var id string
	for _, step := range []struct {
		name, method, query string
		members, status     int
	}{
		{"group_create_large", http.MethodPost, "?excludedAttributes=members", b.big, http.StatusCreated},
		{"group_put_one_less", http.MethodPut, "?excludedAttributes=members", b.big - 1, http.StatusOK},
		{"group_put_the_same", http.MethodPut, "?excludedAttributes=members", b.big - 1, http.StatusOK},
	} {
		raw, err := group(step.members)
		if err != nil {
			return fmt.Errorf("members: %w", err)
		}
		path := "/Groups" + step.query
		if id != "" {
			path = "/Groups/" + id + step.query
		}
		began := time.Now()
		answer, err := c.send(ctx, step.method, path, raw, step.status)
		if err != nil {
			return err
		}
		took := time.Since(began)
		var made struct{ ID string }
		if err := json.Unmarshal(answer, &made); err != nil {
			return fmt.Errorf("group: %w", err)
		}
		id = made.ID
		now, most, err := live.Memory(b.broker.PID())
		if err != nil {
			return err
		}
		b.most(step.name, "%.2f s", took.Seconds(), largeTime,
			fmt.Sprintf("%d members, %.1f MB; the broker has %.0f MB, had %.0f", step.members, float64(len(raw))/1e6, float64(now)/1e6, float64(most)/1e6))
	}
	return nil
}
