package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// manyMembers is how many members one request names.
const manyMembers = 100_000

// took is a store that takes groups and counts their members.
type took struct {
	record.GroupStore

	members *atomic.Int64
}

func (k took) CreateGroup(_ context.Context, _ record.Operation, g record.Group, members []record.Member) (record.Group, bool, error) {
	k.members.Store(int64(len(members)))
	g.ID, g.Version = "large", 1
	return g, false, nil
}

// TestAGroupIsMadeWithAllItsMembersInOneRequest names each as clients do: id, type,
// address and name.
func TestAGroupIsMadeWithAllItsMembersInOneRequest(t *testing.T) {
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var members atomic.Int64
	s := openWith(t, p, func(o *scim.Options) { o.Groups = took{o.Groups, &members} })
	var all strings.Builder
	for i := range manyMembers {
		fmt.Fprintf(&all, `,{"value":"%026d","type":"User","$ref":"https://idp.acme.example/Users/%026d","display":"person.%d@acme.example"}`, i, i, i)
	}
	body := fmt.Sprintf(`{"schemas":[%q],"displayName":"Everybody","members":[%s]}`, resource.GroupURN, all.String()[1:])
	s.ask(t, "POST", "/Groups?excludedAttributes=members", body).holds(t, "all at once", http.StatusCreated, "displayName", "Everybody")
	if n := members.Load(); n != manyMembers {
		t.Errorf("%d members came, want %d", n, manyMembers)
	}
	s.ask(t, "POST", "/Groups", strings.Replace(body, "Everybody", strings.Repeat("E", 8<<20), 1)).
		holds(t, "more than a body may have", http.StatusRequestEntityTooLarge, "status", "413", "schemas.0", "urn:ietf:params:scim:api:messages:2.0:Error")
	s.ask(t, "GET", "/ServiceProviderConfig", "").holds(t, "what it says of itself", http.StatusOK, "bulk.maxPayloadSize", float64(scim.DefaultLimits().Payload))
}

// counted counts what is asked about members.
type counted struct {
	record.MemberStore

	asked *atomic.Int64
}

func (c counted) Members(ctx context.Context, connection string, groups ...string) (map[string][]record.Member, error) {
	c.asked.Add(1)
	return c.MemberStore.Members(ctx, connection, groups...)
}

func (c counted) GroupsOf(ctx context.Context, connection string, users ...string) (map[string][]record.In, error) {
	c.asked.Add(1)
	return c.MemberStore.GroupsOf(ctx, connection, users...)
}

func TestAPageAsksOnceForTheMembersOfAll(t *testing.T) {
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	s := openWith(t, p, func(o *scim.Options) { o.Members = counted{o.Members, &asked} })
	const pages = 200
	for i := range pages {
		s.group(t, fmt.Sprint("team ", i), `,"members":[{"value":"`+s.user(t, fmt.Sprint("user-", i))+`"}]`)
	}
	for path, want := range map[string]int64{"/Groups?count=200": 1, "/Users?count=200": 1, "/?count=400": 2, "/Groups?count=200&excludedAttributes=members": 0} {
		asked.Store(0)
		s.ask(t, "GET", path, "").holds(t, path, http.StatusOK)
		if n := asked.Load(); n != want {
			t.Errorf("%s: members were asked for %d times, want %d", path, n, want)
		}
	}
}

// crowd is a store in which every group has the same members, and counts who asks.
type crowd struct {
	record.MemberStore

	all   []record.Member
	asked *atomic.Int64
}

func (c crowd) Members(_ context.Context, _ string, groups ...string) (map[string][]record.Member, error) {
	c.asked.Add(1)
	return map[string][]record.Member{groups[0]: c.all}, nil
}

// TestSelectingMembersAgainAndAgainIsBounded sends, in a small body, many steps of which each
// looks at all members of a large group.
func TestSelectingMembersAgainAndAgainIsBounded(t *testing.T) {
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	members := crowd{all: make([]record.Member, 2000), asked: &asked}
	for i := range members.all {
		members.all[i] = record.Member{Value: fmt.Sprint("user-", i), Kind: record.KindUser}
	}
	s := openWith(t, p, func(o *scim.Options) { members.MemberStore, o.Members = o.Members, &members })
	id := s.group(t, "crowd", "")
	steps := func(n int) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Repeat(`{"op":"remove","path":"members[type eq \"Group\"]"},`, n-1) +
			`{"op":"remove","path":"members[type eq \"Group\"]"}]}`
	}
	asked.Store(0)
	s.ask(t, "PATCH", "/Groups/"+id, steps(5)).holds(t, "some", http.StatusNoContent)
	if n := asked.Load(); n != 1 {
		t.Errorf("members were asked for %d times, want once for all steps", n)
	}
	s.ask(t, "PATCH", "/Groups/"+id, steps(1000)).holds(t, "as many as there may be steps", http.StatusRequestEntityTooLarge, "status", "413")
	members.all = members.all[:100]
	s.ask(t, "PATCH", "/Groups/"+id, steps(1000)).holds(t, "of a group that is small", http.StatusNoContent)
}

func TestAThousandOperationsOfBulkReferToEachOther(t *testing.T) {
	s := open(t)
	const users = 998
	var operations, members []string
	for i := range users {
		id := fmt.Sprint("u", i)
		operations, members = append(operations, makes(id, id)), append(members, "bulkId:"+id)
	}
	all := append([]string{groups("g1", "before them", members...)}, append(operations, groups("g2", "after them", members...))...)
	got := s.ask(t, "POST", "/Bulk", bulk(all...))
	got.holds(t, "all", http.StatusOK)
	if n := strings.Count(got.statuses(), "201"); n != users+2 {
		t.Errorf("%d operations made something, want %d: %.200s", n, users+2, got.statuses())
	}
	for _, name := range []string{"before them", "after them"} {
		found := s.ask(t, "GET", `/Groups?filter=displayName eq "`+name+`"`, "")
		found.holds(t, name, http.StatusOK, "totalResults", 1)
		if n := strings.Count(found.raw, "/Users/"); n != users {
			t.Errorf("%s: %d members, want %d", name, n, users)
		}
	}
}

// full is a store that makes groups when it is let, and counts those that wait for that.
type full struct {
	record.GroupStore

	inside, most atomic.Int64
	let          chan struct{}
}

func (f *full) CreateGroup(_ context.Context, _ record.Operation, g record.Group, _ []record.Member) (record.Group, bool, error) {
	n := f.inside.Add(1)
	defer f.inside.Add(-1)
	for was := f.most.Load(); n > was && !f.most.CompareAndSwap(was, n); was = f.most.Load() {
	}
	<-f.let
	g.ID, g.Version = "large", 1
	return g, false, nil
}

// sending tells when a body was sent to its end.
type sending struct {
	io.Reader

	sent func()
}

func (s sending) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		s.sent()
	}
	return n, err
}

// TestLargeBodiesTakeTurnsWhileNormalOnesPass is an attack on the memory: many large
// groups at once, over two connections. One is worked on, and those who push a user or a
// few members meanwhile do not notice.
func TestLargeBodiesTakeTurnsWhileNormalOnesPass(t *testing.T) {
	for what, c := range map[string]struct{ bytes, at int }{"large": {3 << 20, 1}, "control: not large": {1 << 10, 8}} {
		t.Run(what, func(t *testing.T) {
			p, err := scim.NewProfile(scim.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			store := &full{let: make(chan struct{})}
			s := openWith(t, p, func(o *scim.Options) { store.GroupStore, o.Groups = o.Groups, store })
			body := fmt.Sprintf(`{"schemas":[%q],"displayName":"G","members":[{"value":"v","display":"%s"}]}`, resource.GroupURN, strings.Repeat("x", c.bytes))
			statuses, sent := make(chan int, 8), make(chan struct{}, 64)
			for i := range 8 {
				connection, all := []string{"acme", "other"}[i%2], sending{strings.NewReader(body), func() { sent <- struct{}{} }}
				go func() { statuses <- s.send(t, connection, int64(len(body)), all) }()
			}
			for range 8 {
				<-sent
			}
			for i := range 50 {
				s.user(t, fmt.Sprint("meanwhile-", i))
			}
			if c.at > 1 { // all come in
				for store.inside.Load() < int64(c.at) {
					runtime.Gosched()
				}
			}
			close(store.let)
			for range 8 {
				if status := <-statuses; status != http.StatusCreated && status != http.StatusTooManyRequests {
					t.Errorf("a group is answered with %d", status)
				}
			}
			if n := store.most.Load(); n != int64(c.at) {
				t.Errorf("%d groups were made at once, want %d", n, c.at)
			}
		})
	}
}

// send posts a group and returns the status, 0 for none.
func (s *stage) send(t *testing.T, connection string, length int64, body io.Reader) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/scim/v2/"+connection+"/Groups?excludedAttributes=members", body)
	if err != nil {
		t.Error(err)
		return 0
	}
	r.ContentLength = length
	r.Header.Set("Authorization", "Bearer "+connection+"-token")
	r.Header.Set("Content-Type", scim.MediaType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// emails is a member of a user with so many addresses.
func emails(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, `,{"value":"%d@acme.example","type":"work"}`, i)
	}
	return `,"emails":[` + all.String()[1:] + `]`
}

// TestABulkRequestLooksAtSoMuchAndNoMore sends, in a small body, many PATCHes of which each is
// fine by itself: the bound is that of all of them.
func TestABulkRequestLooksAtSoMuchAndNoMore(t *testing.T) {
	const operations = 1000
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	members := crowd{all: make([]record.Member, 50_000), asked: &asked}
	for i := range members.all {
		members.all[i] = record.Member{Value: fmt.Sprint("user-", i), Kind: record.KindUser}
	}
	s := openWith(t, p, func(o *scim.Options) { members.MemberStore, o.Members = o.Members, &members })
	many, few, group := s.user(t, "many", emails(2000)), s.user(t, "few", emails(5)), s.group(t, "crowd", "")
	times := func(path, operation string) string {
		one := fmt.Sprintf(`{"method":"PATCH","path":%q,"data":%s}`, path, patches(operation))
		return bulk(strings.Repeat(one+",", operations-1) + one)
	}
	selecting := `{"op":"replace","path":"emails[type eq \"home\"].display","value":"h"}`
	for what, c := range map[string]struct {
		body, done  string
		least, most int
	}{
		"of many values, by type":          {times("/Users/"+many, selecting), "200", 50, 200},
		"of many values, each by another":  {times("/Users/"+many, `{"op":"replace","path":"title","value":"t"}`), "200", 50, 200},
		"of many members, by type":         {times("/Groups/"+group, `{"op":"remove","path":"members[type eq \"Group\"]"}`), "204", 2, 10},
		"control: of few values, by type":  {times("/Users/"+few, selecting), "200", operations, operations},
		"control: of many members, by one": {times("/Groups/"+group, `{"op":"remove","path":"members[value eq \"user-1\"]"}`), "204", operations, operations},
	} {
		asked.Store(0)
		a := s.ask(t, "POST", "/Bulk", c.body)
		a.holds(t, what, http.StatusOK)
		statuses := strings.Fields(a.statuses())
		n := 0
		for n < len(statuses) && statuses[n] == c.done {
			n++
		}
		if n < c.least || n > c.most || len(statuses) != operations {
			t.Errorf("%s: %d of %d were done before the first that was not", what, n, len(statuses))
		}
		for _, status := range statuses[n:] {
			if status != "413" {
				t.Errorf("%s: %s behind the last that was done", what, status)
				break
			}
		}
		if asked := asked.Load(); asked > int64(c.most)+1 {
			t.Errorf("%s: members were read %d times", what, asked)
		}
	}
	s.ask(t, "PATCH", "/Users/"+many, patches(selecting)).holds(t, "the rest, with another request", http.StatusOK)
}

// TestABulkRequestThatTakesTooLongTellsWhatItDidNotBegin moves the clock while the first operation is done.
func TestABulkRequestThatTakesTooLongTellsWhatItDidNotBegin(t *testing.T) {
	for took, want := range map[time.Duration]string{time.Minute: "200 413 413 413", time.Second: "200 201 201 200"} {
		var past atomic.Int64
		began := time.Now()
		s := open(t, func(o *scim.Options) {
			o.Now = func() time.Time { return began.Add(time.Duration(past.Load())) }
			o.Users = slow{o.Users, func() { past.Store(int64(took)) }}
		})
		id := s.user(t, "there")
		change := fmt.Sprintf(`{"method":"PATCH","path":"/Users/%s","data":%s}`, id, patches(`{"op":"replace","path":"title","value":"t"}`))
		if got := s.ask(t, "POST", "/Bulk", bulk(change, makes("1", "alice"), makes("2", "bob"), change)).statuses(); got != want {
			t.Errorf("where the first takes %s: %s, want %s", took, got, want)
		}
	}
}

// slow is a store whose changes take time.
type slow struct {
	record.UserStore

	passes func()
}

func (s slow) UpdateUser(ctx context.Context, op record.Operation, connection, id string, want record.Match, change func(record.User) (record.User, error)) (record.User, error) {
	s.passes()
	return s.UserStore.UpdateUser(ctx, op, connection, id, want, change)
}
