package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// The targets, and how often and with how many clients the rows are measured.
const (
	flat       = 1.5  // many beside few
	likeSmall  = 2    // a large group beside a small one
	singles    = 800  // people a second, one by one
	bulks      = 2.5  // times as many in bulk
	parsing    = 3    // µs for a filter
	largeTime  = 10   // s for a request as large as it may be: what a transaction may take
	largeSpace = 1024 // MB of memory of the broker at most
	listTime   = 200  // ms for a page of groups with their members

	lookups = 1000
)

// load is how an import is sent: by how many clients at once, and with how many
// operations in a bulk request. SQLite has one writer, for which all others wait.
type load struct{ clients, bulkOf int }

func (p *place) load() load {
	if p.options.Driver == storage.SQLite {
		return load{2, 100}
	}
	return load{8, 500}
}

// bench measures a broker that runs.
type bench struct {
	*filler
	*report

	few, looked []time.Duration
	next        atomic.Int64 // the number of the person who comes next
}

// looking measures how long people are looked for.
func (b *bench) looking(ctx context.Context) error {
	c, random := b.client(1), rand.New(rand.NewPCG(1, 2))
	find := func(attribute string, value func(int) string) func(int) error {
		return func(int) error {
			query := url.Values{"filter": {attribute + ` eq "` + value(random.IntN(len(b.users))) + `"`}}
			answer, err := c.do(ctx, http.MethodGet, "/Users?"+query.Encode(), nil, http.StatusOK)
			if err != nil {
				return err
			}
			var found struct {
				Total int `json:"totalResults"` //nolint:tagliatelle // RFC 7644, section 3.4.2
			}
			if err := json.Unmarshal(answer, &found); err != nil || found.Total != 1 {
				return fmt.Errorf("%s: found %d: %w", query, found.Total, err)
			}
			return nil
		}
	}
	var err error
	b.looked, err = each(lookups, find("userName", mail), find("externalId", external))
	return err
}

func (b *bench) all(ctx context.Context) error {
	for _, part := range []func(context.Context) error{b.parse, b.lookedFor, b.groupsLike, b.listed, b.imports, b.large} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	now, most, err := live.Memory(b.broker.PID())
	if err == nil {
		b.most("broker_memory_most", "%.0f MB", float64(most)/1e6, largeSpace, fmt.Sprintf("%.0f MB now", float64(now)/1e6))
	}
	return err
}

// sealed waits until the broker has sealed the audit entries of what was filled in, as
// far as it does so in time: that is no part of what comes then.
func (b *bench) sealed(ctx context.Context) (err error) {
	db, err := storage.Open(ctx, b.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if n, err := db.CountUnsealed(ctx); err != nil || n < batch {
			return err
		}
	}
	return nil
}

// parse measures the parser of filters in this process.
func (b *bench) parse(context.Context) error {
	t, err := resource.NewUser()
	if err != nil {
		return err
	}
	const times = 100_000
	began := time.Now()
	for range times {
		if _, err := filter.Parse(`userName eq "someone@acme.example"`, t.Filters); err != nil {
			return err
		}
	}
	b.most("filter_parse", "%.2f µs", float64(time.Since(began).Nanoseconds())/times/1000, parsing, "")
	return nil
}

func (b *bench) lookedFor(ctx context.Context) error {
	if err := b.looking(ctx); err != nil {
		return err
	}
	for i, name := range []string{"user_name_eq", "external_id_eq"} {
		b.most(name+"_flat", "%.2f", float64(b.looked[i])/float64(b.few[i]), flat,
			fmt.Sprintf("p50 %.2f ms among %d, %.2f ms among %d", ms(b.looked[i]), len(b.users), ms(b.few[i]), b.filler.few))
	}
	return nil
}

// groupsLike measures the large group beside small ones.
func (b *bench) groupsLike(ctx context.Context) error {
	c := b.client(1)
	get := func(group func(int) string) func(int) error {
		return func(i int) error {
			_, err := c.do(ctx, http.MethodGet, "/Groups/"+group(i)+"?excludedAttributes=members", nil, http.StatusOK)
			return err
		}
	}
	team, all := func(i int) string { return b.teams[i%len(b.teams)] }, func(int) string { return b.filler.all }
	took, err := each(lookups, get(team), get(all))
	if err != nil {
		return err
	}
	beside := func(took []time.Duration) string {
		return fmt.Sprintf("p50 %.2f ms of %d members, %.2f ms of %d", ms(took[1]), b.big, ms(took[0]), b.small)
	}
	b.most("group_get_without_members", "%.2f", float64(took[1])/float64(took[0]), likeSmall, beside(took))
	add := func(group func(int) string) func(int) error {
		return func(i int) error { // those of odd numbers, and far from those who are next to each other
			user := b.users[(2*(i+len(b.users)/4)+1)%len(b.users)]
			_, err := c.do(ctx, http.MethodPatch, "/Groups/"+group(i), map[string]any{
				"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
				"Operations": []any{map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": user}}}},
			}, http.StatusNoContent)
			return err
		}
	}
	if took, err = each(min(len(b.teams)/2, 500), add(team), add(all)); err != nil {
		return err
	}
	b.most("group_patch_add_member", "%.2f", float64(took[1])/float64(took[0]), likeSmall, beside(took))
	return nil
}

// listed measures pages of groups with their members.
func (b *bench) listed(ctx context.Context) error {
	const count = 100
	c := b.client(1)
	var read int
	took, err := each(min(len(b.teams)/count, 20), func(i int) error {
		answer, err := c.do(ctx, http.MethodGet, fmt.Sprintf("/Groups?startIndex=%d&count=%d", i%(len(b.teams)/count)*count+1, count), nil, http.StatusOK)
		read = len(answer)
		return err
	})
	if err == nil {
		b.most("groups_page_with_members", "%.1f ms", ms(took[0]), listTime, fmt.Sprintf("%d groups, %d KB", count, read>>10))
	}
	return err
}

// person is the body of a POST of a person.
func person(n int) map[string]any {
	of := attributes(n)
	of["schemas"], of["userName"], of["externalId"], of["active"] = []string{"urn:ietf:params:scim:schemas:core:2.0:User", record.Enterprise}, mail(n), external(n), true
	return of
}

// imports measures how fast people come, one by one and in bulk.
func (b *bench) imports(ctx context.Context) error {
	if err := b.sealed(ctx); err != nil {
		return err
	}
	b.next.Store(int64(len(b.users)))
	l := b.load()
	c := b.client(l.clients)
	one, err := b.imported("import_single", "%.0f/s", singles, func(int, int) (int, error) {
		_, err := c.do(ctx, http.MethodPost, "/Users", person(int(b.next.Add(1))), http.StatusCreated)
		return 1, err
	})
	if err != nil {
		return err
	}
	_, err = b.imported("import_bulk", "%.0f/s", bulks*one, func(int, int) (int, error) {
		var operations []any
		for range l.bulkOf {
			n := int(b.next.Add(1))
			operations = append(operations, map[string]any{"method": "POST", "path": "/Users", "bulkId": fmt.Sprint(n), "data": person(n)})
		}
		return l.bulkOf, b.bulk(ctx, c, operations)
	})
	return err
}

func (b *bench) bulk(ctx context.Context, c *client, operations []any) error {
	answer, err := c.do(ctx, http.MethodPost, "/Bulk", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": operations,
	}, http.StatusOK)
	if err != nil {
		return err
	}
	var done struct{ Operations []struct{ Status string } }
	if err := json.Unmarshal(answer, &done); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	for _, o := range done.Operations {
		if o.Status != "201" {
			return fmt.Errorf("bulk: an operation ended with %s: %.300s", o.Status, answer)
		}
	}
	return nil
}

// imported measures an import after a moment of it, and says what it cost.
func (b *bench) imported(name, format string, target float64, request func(worker, i int) (int, error)) (float64, error) {
	if _, _, err := together(b.load().clients, b.length/10, request); err != nil {
		return 0, err
	}
	broker, servers, err := b.used()
	if err != nil {
		return 0, err
	}
	rate, made, err := together(b.load().clients, b.length, request)
	if err != nil {
		return 0, err
	}
	brokers, serverss, err := b.used()
	if err != nil {
		return 0, err
	}
	now, most, err := live.Memory(b.broker.PID())
	if err != nil {
		return 0, err
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(made) }
	b.least(name, format, rate, target, fmt.Sprintf("%d clients; %.0f µs CPU of the broker, %.0f of the database for each; the broker has %.0f MB, had %.0f",
		b.load().clients, per(brokers-broker), per(serverss-servers), float64(now)/1e6, float64(most)/1e6))
	return rate, nil
}
