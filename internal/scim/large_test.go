package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

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
