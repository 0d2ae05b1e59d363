package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// importApp is the app whose roles are assigned.
const importApp = `{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: expense-bot, title: Expense Bot, description: The sample app.},
spec: {owner: {team: team-a, primary: a@acme.example}, entitlements: [{name: user, description: Use, groups: [everybody]}, {name: approver, description: Approve, groups: [finance]}],
identity: {protocol: oidc, oidc: {clientId: expense-bot, redirectUris: ["https://expense.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}}}}`

// largeImport is a file with many lines of every kind, some of which are refused.
func largeImport() string {
	const people, groups = 1200, 40
	lines := []string{`{"kind":"directory","version":1}`}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for n := range people {
		add(`{"kind":"person","id":"person-%d","identities":[{"connection":"acme","subject":"s-%d"}],"profile":{"name":"Person %d","email":"p%d@acme.example"},"created":"2020-01-02T03:04:05Z"}`, n, n, n, n)
		add(`{"kind":"user","connection":"acme","id":"user-%d","person":"person-%d","external_id":"s-%d","user_name":"u%d"}`, n, n, n, n)
		add(`{"kind":"membership","connection":"acme","group":"group-%d","user":"user-%d"}`, n%groups, n)
	}
	for n := range groups {
		add(`{"kind":"group","connection":"acme","id":"group-%d","display_name":"Group %d"}`, n, n)
		add(`{"kind":"mapping","connection":"acme","group":"group-%d","name":"team-%d"}`, n, n)
		add(`{"kind":"assignment","app":"expense-bot","role":"approver","whom":{"person":"person-%d"},"from":"2030-01-01T00:00:00Z","until":"2031-01-01T00:00:00Z","reason":"as before"}`, n)
		add(`{"kind":"person","id":"nobody-%d"}`, n)
		add(`{"kind":"membership","connection":"acme","group":"group-%d","user":"gone"}`, n)
	}
	add(`{"kind":"membership","connection":"acme","group":"group-0","subgroup":"group-1"}`)
	lines = append(lines, fmt.Sprintf(`{"kind":"end","lines":%d}`, len(lines)))
	return strings.Join(lines, "\n") + "\n"
}

// importing is a broker as a process of its own that takes a directory in.
type importing struct {
	*live.Process
	t      *testing.T
	client *http.Client
}

func newImporting(t *testing.T, p *live.Process) *importing {
	t.Helper()
	return &importing{p, t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Socket())
	}}}}
}

// ask asks the management API, and fails unless that is done.
func (i *importing) ask(method, path, media, body string, to any) {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), method, "http://broker/api/v1"+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", media)
	}
	res, err := i.client.Do(req)
	if err != nil {
		i.t.Fatalf("%v\n%s", err, i.Tail())
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		i.t.Fatalf("%s %s: %d %v %s", method, path, res.StatusCode, err, text)
	}
	switch to := to.(type) {
	case nil:
	case *[]byte:
		*to = text
	default:
		if err := json.Unmarshal(text, to); err != nil {
			i.t.Fatal(err)
		}
	}
}

func (i *importing) start() {
	i.t.Helper()
	if _, err := i.Start(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}

// imports is what the broker does with a file: after looks more lines were looked at in
// each of the states that do, it is killed.
func (i *importing) imports(kills map[porting.State][]int) (done porting.Import) {
	i.t.Helper()
	i.start()
	i.ask(http.MethodPut, "/apps/expense-bot", "application/yaml", importApp, nil)
	i.ask(http.MethodPost, "/imports", "application/jsonl", largeImport(), &done)
	if done = i.past(done.ID, porting.Checking, kills[porting.Checking]); done.State != porting.Checked {
		i.t.Fatalf("%+v", done)
	}
	i.ask(http.MethodPost, "/imports/"+done.ID+"/apply", "application/json", `{"skip_refused":true}`, nil)
	return i.past(done.ID, porting.Applying, kills[porting.Applying])
}

// past waits until an import is out of a state, and kills the broker on the way.
func (i *importing) past(id string, state porting.State, kills []int) (now porting.Import) {
	i.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for begun := -1; ; {
		i.ask(http.MethodGet, "/imports/"+id, "", "", &now)
		if begun < 0 {
			begun = now.Looked
		}
		if now.State != state {
			if len(kills) > 0 {
				i.t.Fatalf("it was %s before it could be killed", now.State)
			}
			return now
		}
		if len(kills) > 0 && now.Looked >= begun+kills[0] {
			i.Kill()
			kills = kills[1:]
			i.start()
		}
		select {
		case <-i.t.Context().Done():
			i.t.Fatalf("it stays %s: %+v", state, now)
		case <-tick.C:
		}
	}
}

// directory is what the broker has, without the time of the export.
func (i *importing) directory() []string {
	i.t.Helper()
	var text []byte
	i.ask(http.MethodGet, "/directory", "", "", &text)
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	lines := strings.Split(string(rest), "\n")
	slices.Sort(lines)
	return lines
}

// told counts entries of the audit log of a type.
func (i *importing) told(typ string) int {
	i.t.Helper()
	var text []byte
	i.ask(http.MethodGet, "/audit?format=jsonl&type="+typ, "", "", &text)
	return bytes.Count(text, []byte("\n"))
}

// TestAnImportGoesOnWhereTheBrokerWasKilled ends in the state of one that nothing came
// between: every line is done once, and told once.
func TestAnImportGoesOnWhereTheBrokerWasKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on    func(*live.Stage) []string
		kills map[porting.State][]int
	}{
		"sqlite": {func(*live.Stage) []string { return nil }, map[porting.State][]int{porting.Checking: {500}, porting.Applying: {1300, 2500}}},
		"postgres": {func(s *live.Stage) []string {
			return []string{"GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=" + testkit.NewPostgres(s).DSN}
		}, map[porting.State][]int{porting.Applying: {2100}}},
	} {
		t.Run(name, func(t *testing.T) {
			err := live.Play(t.Context(), "", func(s *live.Stage) error {
				address, err := s.Address()
				if err != nil {
					return err
				}
				once := newImporting(t, s.Process("once", address, c.on(s)...))
				want := once.imports(nil)
				directory, people, records := once.directory(), once.told("person.imported"), once.told("person.provisioned")
				if err := once.Stop(); err != nil {
					return err
				}
				killed := newImporting(t, s.Process("killed", address, c.on(s)...))
				got := killed.imports(c.kills)
				defer killed.Kill()
				if got.State != porting.Done || want.State != porting.Done || !slices.Equal(got.Counts, want.Counts) || want.Counts[0].Refused == 0 {
					t.Errorf("%s %+v, want %s %+v", got.State, got.Counts, want.State, want.Counts)
				}
				if has := killed.directory(); !slices.Equal(has, directory) {
					t.Errorf("%d lines, want %d", len(has), len(directory))
					for _, line := range has {
						if !slices.Contains(directory, line) {
							t.Fatalf("such as %s", line)
						}
					}
				}
				if p, r := killed.told("person.imported"), killed.told("person.provisioned"); p != people || r != records || p == 0 || r == 0 {
					t.Errorf("%d people and %d records are told of, want %d and %d", p, r, people, records)
				}
				var again porting.Import
				killed.ask(http.MethodPost, "/imports", "application/jsonl", largeImport(), &again)
				again = killed.past(again.ID, porting.Checking, nil)
				for _, n := range again.Counts {
					if n.Created+n.Changed > 0 {
						t.Errorf("the same file again would do something: %+v", n)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
