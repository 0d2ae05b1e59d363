package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// pushClient is a SCIM client of one connection.
type pushClient struct{ base string }

// do sends a request and returns the status and the answer's body.
func (p pushClient) do(ctx context.Context, method, path, body string) (int, map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer let me in")
	r.Header.Set("Content-Type", scim.MediaType)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	raw, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || len(raw) == 0 {
		return res.StatusCode, nil, err
	}
	var of map[string]any
	return res.StatusCode, of, json.Unmarshal(raw, &of)
}

// made makes a resource and returns its id.
func (p pushClient) made(t *rapid.T, path, body string) string {
	status, of, err := p.do(t.Context(), http.MethodPost, path, body)
	id, _ := of["id"].(string)
	if err != nil || status != http.StatusCreated || id == "" {
		t.Fatalf("POST %s: %d %v %v", path, status, of, err)
	}
	return id
}

// theirs is what one client wants of its user: a simple model of it.
type theirs struct {
	user   string
	active bool
	title  string
	in     map[string]bool // by group
}

// change is a request of a client in some dialect, and what it does to the model.
type change struct{ path, body string }

func (m *theirs) draw(t *rapid.T, groups []string) change {
	group := rapid.SampledFrom(groups).Draw(t, "group")
	one := func(path, operation string) change {
		return change{path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`}
	}
	switch rapid.IntRange(0, 6).Draw(t, "change") {
	case 0:
		m.in[group] = true
		return one("/Groups/"+group, `{"op":"add","path":"members","value":[{"value":"`+m.user+`"}]}`)
	case 1:
		delete(m.in, group)
		return one("/Groups/"+group, `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+m.user+`"}]}`)
	case 2:
		delete(m.in, group)
		return one("/Groups/"+group, `{"op":"remove","path":"members[value eq \"`+m.user+`\"]"}`)
	case 3: // Okta says a group's name with every push
		m.in[group] = true
		return one("/Groups/"+group, `{"op":"replace","value":{"id":"`+group+`","displayName":"G`+group+`"}},{"op":"add","path":"members","value":{"value":"`+m.user+`"}}`)
	case 4:
		m.active = rapid.Bool().Draw(t, "active")
		return one("/Users/"+m.user, fmt.Sprintf(`{"op":"Replace","path":"active","value":"%t"}`, m.active))
	case 5:
		m.active = rapid.Bool().Draw(t, "active")
		return one("/Users/"+m.user, fmt.Sprintf(`{"op":"replace","value":{"active":%t}}`, m.active))
	}
	m.title = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "title")
	return one("/Users/"+m.user, `{"op":"add","path":"title","value":"`+m.title+`"}`)
}

// TestWhateverFourClientsDoAtOnceEndsAsEachOfThemWants holds that no member is lost and
// nothing is done for another one's sake, in whatever order requests come.
func TestWhateverFourClientsDoAtOnceEndsAsEachOfThemWants(t *testing.T) {
	t.Parallel()
	for engine, options := range map[string]func(*testing.T) storage.Options{
		"sqlite": func(t *testing.T) storage.Options { return storage.Options{Driver: storage.SQLite, Dir: tempDir(t)} },
		"postgres": func(t *testing.T) storage.Options {
			return storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			at, run := scimServer(t, options(t)), 0
			rapid.Check(t, func(t *rapid.T) {
				run++
				fourClients(t, pushClient{fmt.Sprintf("%s/scim/v2/c%d", at, run)})
			})
		})
	}
}

func fourClients(t *rapid.T, p pushClient) {
	var groups []string
	for _, name := range []string{"one", "two"} {
		groups = append(groups, p.made(t, "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q}`, resource.GroupURN, name)))
	}
	models := make([]*theirs, 4)
	plans := make([][]change, len(models))
	for i := range models {
		m := &theirs{user: p.made(t, "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"u%d"}`, resource.UserURN, i)), active: true, in: map[string]bool{}}
		models[i] = m
		for range rapid.IntRange(1, 6).Draw(t, "length") {
			plans[i] = append(plans[i], m.draw(t, groups))
		}
	}
	var clients sync.WaitGroup
	failed := make(chan string, len(models))
	for _, plan := range plans {
		clients.Go(func() {
			for _, c := range plan {
				if status, of, err := p.do(context.WithoutCancel(t.Context()), http.MethodPatch, c.path, c.body); err != nil || status/100 != 2 {
					failed <- fmt.Sprintf("%s %s: %d %v %v", c.path, c.body, status, of, err)
					return
				}
			}
		})
	}
	clients.Wait()
	close(failed)
	for f := range failed {
		t.Fatal(f)
	}
	for _, m := range models {
		m.holds(t, p)
	}
	for _, g := range groups {
		var want []string
		for _, m := range models {
			if m.in[g] {
				want = append(want, m.user)
			}
		}
		slices.Sort(want)
		_, of, err := p.do(t.Context(), http.MethodGet, "/Groups/"+g, "")
		if got := values(of["members"]); err != nil || !slices.Equal(got, want) {
			t.Fatalf("the members of %s are %v, not %v (%v)", g, got, want, err)
		}
	}
}

// holds fails unless the client's user is as it wants.
func (m *theirs) holds(t *rapid.T, p pushClient) {
	_, of, err := p.do(t.Context(), http.MethodGet, "/Users/"+m.user, "")
	title, _ := of["title"].(string)
	if got, want := values(of["groups"]), slices.Sorted(maps.Keys(m.in)); err != nil || of["active"] != m.active || title != m.title || !slices.Equal(got, want) {
		t.Fatalf("the user is %v in %v, not %+v (%v)", of, got, m, err)
	}
}

// values are those of a list of members or groups, sorted.
func values(list any) []string {
	all, _ := list.([]any)
	var out []string
	for _, e := range all {
		of, _ := e.(map[string]any)
		out = append(out, fmt.Sprint(of["value"]))
	}
	slices.Sort(out)
	return out
}
