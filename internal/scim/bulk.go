package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// The schemas of bulk messages (RFC 7644, section 8.2).
const (
	bulkURN         = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulkTime is after how long a bulk request begins no further operation: its answer has to
// be on its way in the minute that the server gives it, with what became of each.
const bulkTime = 30 * time.Second

// bulk is one bulk request under way (RFC 7644, section 3.7).
//
// An operation that refers to another one's bulkId waits for it; those that wait for
// each other in a circle, or for one that failed, are refused with 409. Users and groups
// that are made one after the other go to the store together.
type bulk struct {
	parts []*part
	// named are those that have a bulkId, by it.
	named map[string]*part
	// ids are the ids of what was made, by bulkId.
	ids map[string]string
	// stop is after how many errors the rest is left, 0 for never.
	stop, errors int
	// waiting are creations that go to the store together.
	waiting []*part
	// until is when no further operation begins.
	until time.Time
}

func (c *call) bulk(ctx context.Context) (answer, error) {
	b, err := c.bulkRequest()
	if err != nil {
		return answer{}, err
	}
	if err := b.run(ctx, c); err != nil {
		return answer{}, err
	}
	results := []any{}
	for _, p := range b.parts {
		if p.done {
			results = append(results, p.result())
		}
	}
	return answer{status: http.StatusOK, body: map[string]any{"schemas": []string{bulkResponseURN}, "Operations": results}}, nil
}

func (c *call) bulkRequest() (*bulk, error) {
	if err := speaks(c.body, bulkURN); err != nil {
		return nil, err
	}
	list, size, ok := resource.Elements(member(c.body, "Operations"))
	if !ok || size == 0 {
		return nil, resource.Bad(resource.ErrSyntax, "Operations has to be a list of operations")
	}
	if size > c.profile.limits.Operations {
		return nil, resource.Bad(errBulk, "a bulk request has at most %d operations", c.profile.limits.Operations)
	}
	b := &bulk{ids: map[string]string{}, named: map[string]*part{}, until: c.o.Now().Add(bulkTime)}
	switch stop := member(c.body, "failOnErrors").(type) {
	case nil:
	case json.Number:
		n, err := strconv.Atoi(stop.String())
		if err != nil || n < 1 {
			return nil, resource.Bad(resource.ErrValue, "failOnErrors is a whole number from 1")
		}
		b.stop = n
	default:
		return nil, resource.Bad(resource.ErrValue, "failOnErrors is a whole number from 1")
	}
	for raw := range list {
		p := c.part(raw)
		if p.bulkID != "" && b.named[p.bulkID] != nil {
			return nil, resource.Bad(resource.ErrValue, "the bulkId %q comes twice", p.bulkID)
		}
		b.named[p.bulkID] = p
		b.parts = append(b.parts, p)
	}
	c.body = nil // each part has its own, which goes as soon as it is read
	return b, nil
}

// run does every operation once what it refers to is there.
func (b *bulk) run(ctx context.Context, c *call) error {
	for left := b.parts; len(left) > 0; {
		var later []*part
		for _, p := range left {
			if b.over() {
				return nil
			}
			ready, err := b.ready(ctx, p)
			if err != nil {
				return err
			}
			if !ready {
				later = append(later, p)
				continue
			}
			if err := b.do(ctx, p); err != nil {
				return err
			}
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
		if len(later) == len(left) {
			return b.circle(ctx, later)
		}
		left = later
	}
	return nil
}

// circle refuses operations that wait for each other.
func (b *bulk) circle(ctx context.Context, all []*part) error {
	for _, p := range all {
		if b.over() {
			return nil
		}
		p.err = resource.Bad(errBulkID, "the operation waits for a bulkId that waits for it")
		if err := b.do(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether there were as many errors as the client takes.
func (b *bulk) over() bool { return b.stop > 0 && b.errors >= b.stop }

// ready reports whether all that p refers to is there. What never will be is p's error.
func (b *bulk) ready(ctx context.Context, p *part) (bool, error) {
	for _, id := range p.needs {
		of := b.named[id]
		if id == "" || of == nil || of.method != http.MethodPost {
			p.err = resource.Bad(errBulkID, "no operation makes the bulkId %q", id)
			return true, nil
		}
		if slices.Contains(b.waiting, of) {
			if err := b.flush(ctx); err != nil {
				return false, err
			}
		}
		if !of.done {
			return false, nil
		}
		if of.failed() {
			p.err = resource.Bad(errBulkID, "the operation with the bulkId %q failed", id)
			return true, nil
		}
	}
	return true, nil
}

// do does one operation, or puts it with those that go to the store together. Where the
// rest is left after some errors, each is done for itself: nothing happens after them.
func (b *bulk) do(ctx context.Context, p *part) error {
	if p.err == nil && p.o.Now().After(b.until) {
		p.err = errBulkTime
	}
	if p.err == nil {
		if at, id, ok := strings.Cut(p.path, "/"+reference); ok {
			p.path = at + "/" + b.ids[id]
		}
		if len(p.needs) > 0 {
			p.body, _ = b.resolved(p.body).(map[string]any)
		}
		if p.method == http.MethodPost && b.stop == 0 {
			b.waiting = append(b.waiting, p)
			return nil
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	if p.err == nil {
		p.a, p.err = p.run(ctx)
	} else {
		p.begin()
		p.note(ctx, answer{}, p.err)
	}
	b.finish(p)
	return nil
}

// resolved is v with ids where it referred to what was made.
func (b *bulk) resolved(v any) any {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, reference); ok {
			return b.ids[id]
		}
	case resource.List:
		return v.Each(b.resolved)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = b.resolved(e)
		}
		return list
	case map[string]any:
		of := make(map[string]any, len(v))
		for k, e := range v {
			of[k] = b.resolved(e)
		}
		return of
	}
	return v
}

// flush makes what waits to be made.
func (b *bulk) flush(ctx context.Context) error {
	var news []record.New
	var of []*part
	for _, p := range b.waiting {
		n, err := p.creation()
		if err != nil {
			p.err = err
			continue
		}
		news, of = append(news, n), append(of, p)
	}
	if len(news) > 0 {
		made, err := of[0].o.Batch.Create(ctx, of[0].connection, news)
		if err != nil {
			return err
		}
		for i, p := range of {
			p.made(made[i])
		}
	}
	for _, p := range b.waiting {
		p.note(ctx, p.a, p.err)
		b.finish(p)
	}
	b.waiting = nil
	return nil
}

// finish counts an operation as done.
func (b *bulk) finish(p *part) {
	p.done = true
	if p.err != nil {
		b.errors++
		return
	}
	if p.method == http.MethodPost {
		_, b.ids[p.bulkID], _ = strings.Cut(p.a.resource, "/")
	}
}
