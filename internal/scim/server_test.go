package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// said is an answer.
type said struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (s said) String() string { return fmt.Sprintf("%d %s", s.status, s.raw) }

// at finds a value in the answer: "Resources.0.userName".
func (s said) at(path string) any {
	var v any = s.body
	for name := range strings.SplitSeq(path, ".") {
		switch of := v.(type) {
		case map[string]any:
			v = of[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(of) {
				return nil
			}
			v = of[i]
		default:
			return nil
		}
	}
	return v
}

func (s said) id() string { id, _ := s.body["id"].(string); return id }

// ask sends a request to a connection with its token. Headers are "Name: value".
func (s *stage) ask(t testing.TB, method, path, body string, headers ...string) said {
	t.Helper()
	return s.askOver(t, "acme", method, path, body, headers...)
}

func (s *stage) askOver(t testing.TB, connection, method, path, body string, headers ...string) said {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+"/scim/v2/"+connection+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values.Set(name, value)
		}
	}
	r.URL.RawQuery = values.Encode()
	r.Header.Set("Authorization", "Bearer "+connection+"-token")
	if body != "" {
		r.Header.Set("Content-Type", scim.MediaType)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(answer.Body)
	if closed := answer.Body.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	out := said{status: answer.StatusCode, header: answer.Header, raw: string(raw)}
	if len(raw) > 0 {
		if got := answer.Header.Get("Content-Type"); got != scim.MediaType {
			t.Errorf("%s %s answers %s", method, path, got)
		}
		if err := json.Unmarshal(raw, &out.body); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return out
}

// user and group make one and return its id.
func (s *stage) user(t testing.TB, name string, more ...string) string {
	t.Helper()
	return s.made(t, "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q%s}`, resource.UserURN, name, strings.Join(more, "")))
}

func (s *stage) group(t testing.TB, name string, more ...string) string {
	t.Helper()
	return s.made(t, "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q%s}`, resource.GroupURN, name, strings.Join(more, "")))
}

func (s *stage) made(t testing.TB, path, body string) string {
	t.Helper()
	a := s.ask(t, "POST", path, body)
	if a.status != http.StatusCreated {
		t.Fatalf("POST %s of %s: %s", path, body, a)
	}
	return a.id()
}

func patches(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

// holds fails unless an answer is as expected: its status, and values by path.
func (s said) holds(t testing.TB, what string, status int, pairs ...any) {
	t.Helper()
	if s.status != status {
		t.Errorf("%s: %s, not %d", what, s, status)
		return
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		path, _ := pairs[i].(string)
		want := pairs[i+1]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if got := s.at(path); got != want {
			t.Errorf("%s: %s is %v, not %v, in %s", what, path, got, want, s.raw)
		}
	}
}

func TestOnlyTheTokenOfAConnectionOpensIt(t *testing.T) {
	s := open(t)
	s.ask(t, "GET", "/Users", "").holds(t, "its own token", http.StatusOK)
	for what, header := range map[string]string{
		"none": "Authorization: ", "another one's": "Authorization: Bearer other-token", "a made-up one": "Authorization: Bearer acme-token2",
		"another scheme": "Authorization: Basic YWNtZS10b2tlbg==", "no scheme": "Authorization: acme-token", "an empty one": "Authorization: Bearer ",
	} {
		for _, path := range []string{"/Users", "/ServiceProviderConfig", "/Bulk", "/nowhere"} {
			a := s.ask(t, "GET", path, "", header)
			a.holds(t, what, http.StatusUnauthorized, "status", "401", "schemas.0", "urn:ietf:params:scim:api:messages:2.0:Error")
			if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
				t.Errorf("%s: WWW-Authenticate is %q", what, got)
			}
		}
	}
	// Nobody learns which connections there are.
	is, isNot := s.ask(t, "GET", "/Users", "", "Authorization: Bearer x"), s.askOver(t, "nobody", "GET", "/Users", "", "Authorization: Bearer x")
	if is.status != isNot.status || is.raw != isNot.raw {
		t.Errorf("a connection that is there answers %s, and one that is not %s", is, isNot)
	}
	s.askOver(t, "off", "GET", "/Users", "").holds(t, "a disabled connection", http.StatusForbidden)
	s.ask(t, "GET", "/Users", "", "Authorization: bearer acme-token").holds(t, "the scheme in another case", http.StatusOK)
}

func TestGuessingTokensIsLimited(t *testing.T) {
	now := time.Now()
	limit := func(n int64) *httpx.Limiter {
		return httpx.NewLimiter(httpx.LimiterOptions{Local: cache.NewMemory(func() time.Time { return now }, time.Time{}), Purpose: "test", PerMinute: n, Now: func() time.Time { return now }})
	}
	s := open(t, func(o *scim.Options) { o.Failures, o.Requests = limit(3), limit(5) })
	for range 3 {
		s.ask(t, "GET", "/Users", "", "Authorization: Bearer x").holds(t, "a wrong token", http.StatusUnauthorized)
	}
	for _, header := range []string{"Authorization: Bearer x", "Authorization: Bearer acme-token"} {
		a := s.ask(t, "GET", "/Users", "", header)
		a.holds(t, header+" after three wrong ones", http.StatusTooManyRequests, "status", "429")
		if a.header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
	}
	now = now.Add(2 * time.Minute)
	for range 5 {
		s.ask(t, "GET", "/Users", "").holds(t, "within the limit", http.StatusOK)
	}
	a := s.ask(t, "GET", "/Users", "")
	a.holds(t, "over the limit", http.StatusTooManyRequests)
	if a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	s.askOver(t, "other", "GET", "/Users", "").holds(t, "another connection", http.StatusOK)
}

func TestNothingReachesAnotherConnection(t *testing.T) {
	s := open(t)
	id, group := s.user(t, "alice", `,"externalId":"x1"`), s.group(t, "Tools")
	other := s.askOver(t, "other", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"mallory"}`, resource.UserURN)).id()
	theirs := s.askOver(t, "other", "POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"Theirs","members":[{"value":%q},{"value":"x1"}]}`, resource.GroupURN, id))
	theirs.holds(t, "a group with a stranger", http.StatusCreated, "members.0.$ref", nil, "members.1.$ref", nil)
	for _, c := range [][3]string{
		{"GET", "/Users/" + id, ""},
		{"PUT", "/Users/" + id, fmt.Sprintf(`{"schemas":[%q],"userName":"alice","active":false}`, resource.UserURN)},
		{"PATCH", "/Users/" + id, patches(`{"op":"replace","path":"active","value":false}`)},
		{"DELETE", "/Users/" + id, ""},
		{"GET", "/Groups/" + group, ""},
		{"PUT", "/Groups/" + group, fmt.Sprintf(`{"schemas":[%q],"displayName":"Mine"}`, resource.GroupURN)},
		{"PATCH", "/Groups/" + group, patches(`{"op":"add","path":"members","value":[{"value":"` + other + `"}]}`)},
		{"DELETE", "/Groups/" + group, ""},
	} {
		s.askOver(t, "other", c[0], c[1], c[2]).holds(t, c[0]+" over another connection", http.StatusNotFound, "status", "404")
	}
	bulk := s.askOver(t, "other", "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/`+id+`"},{"method":"PATCH","path":"/Groups/`+group+`","data":`+patches(`{"op":"remove","path":"members"}`)+`}]}`)
	bulk.holds(t, "in bulk", http.StatusOK, "Operations.0.status", "404", "Operations.1.status", "404")
	s.askOver(t, "other", "GET", `/Users?filter=externalId eq "x1" or userName eq "alice"`, "").holds(t, "a search", http.StatusOK, "totalResults", 0)
	s.ask(t, "GET", "/Users/"+id, "").holds(t, "its own connection", http.StatusOK, "active", true, "groups", nil)
	s.ask(t, "PATCH", "/Groups/"+group, patches(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)).holds(t, "its own connection", http.StatusNoContent)
}

func TestWhatOnlyTheServerSetsIsIgnored(t *testing.T) {
	s := open(t)
	g := s.group(t, "Tools")
	stray := `,"id":"mine","meta":{"version":"W/\"9\"","created":"1999-01-01T00:00:00Z","location":"x"},"groups":[{"value":"` + g + `"}],"password":"t0ps3cret"`
	id := s.user(t, "alice", stray)
	for _, c := range [][2]string{
		{"PUT", fmt.Sprintf(`{"schemas":[%q],"userName":"alice"%s}`, resource.UserURN, stray)},
		{"PATCH", patches(`{"op":"replace","value":{"title":"t"` + stray + `}}`)},
		{"PATCH", patches(`{"op":"replace","path":"password","value":"t0ps3cret"}`)},
	} {
		s.ask(t, c[0], "/Users/"+id, c[1]).holds(t, c[0], http.StatusOK, "id", id, "groups", nil, "userName", "alice")
	}
	a := s.ask(t, "GET", "/Users/"+id+"?attributes=password,groups,meta,title", "")
	a.holds(t, "what is kept", http.StatusOK, "title", "t", "password", nil, "groups", nil)
	if strings.Contains(a.raw, "1999") || strings.Contains(a.raw, "t0ps3cret") || a.at("meta.location") != s.at.Base+"/Users/"+id {
		t.Errorf("the client's own is kept: %s", a)
	}
	for _, n := range s.Notes {
		if strings.Contains(fmt.Sprint(n), "t0ps3cret") {
			t.Errorf("a password is noted: %v", n)
		}
	}
}

func TestAFilterThatCannotBeEvaluatedNeverSelectsAll(t *testing.T) {
	s := open(t)
	s.user(t, "alice")
	s.group(t, "Tools")
	s.ask(t, "GET", `/Users?filter=userName sw "ali"`, "").holds(t, "one that can", http.StatusOK, "totalResults", 1)
	for _, filter := range []string{
		``, ` `, `userName`, `userName eq`, `bogus eq "x"`, `emails[bogus eq "x"]`, `password pr`, `userName eq "x`, `displayName eq`, `meta.location sw "h"`,
		strings.Repeat("(", 17) + `userName pr` + strings.Repeat(")", 17), `userName eq "` + strings.Repeat("x", 4096) + `"`,
		strings.TrimSuffix(strings.Repeat(`userName pr or `, 65), " or "),
	} {
		for _, path := range []string{"/Users", "/Groups", "/"} {
			s.ask(t, "GET", path+"?filter="+filter, "").holds(t, path+" by "+filter, http.StatusBadRequest, "scimType", "invalidFilter", "Resources", nil)
		}
		raw, _ := json.Marshal(filter)
		for _, path := range []string{"/Users/.search", "/.search"} {
			s.ask(t, "POST", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":`+string(raw)+`}`).
				holds(t, path+" by "+filter, http.StatusBadRequest, "scimType", "invalidFilter", "Resources", nil)
		}
	}
}

func TestFiltersAreWordsAndNoPatterns(t *testing.T) {
	s := open(t)
	s.user(t, "alice%_x")
	s.user(t, "bob'; drop table users; --")
	for filter, n := range map[string]int{
		`userName co "%"`: 1, `userName co "_"`: 1, `userName sw "%"`: 0, `userName eq "alice%"`: 0, `userName co "'"`: 1, `userName ew "--"`: 1,
		`userName eq "x' or '1'='1"`: 0, `userName eq "\" or userName pr or userName eq \""`: 0, `userName co "\\"`: 0,
	} {
		s.ask(t, "GET", "/Users?filter="+filter, "").holds(t, filter, http.StatusOK, "totalResults", n)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	limits := scim.DefaultLimits()
	limits.Payload, limits.Body.Values = 4096, 100
	p, err := scim.NewProfile(limits)
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, p)
	user := fmt.Sprintf(`{"schemas":[%q],"userName":"a"`, resource.UserURN)
	s.ask(t, "POST", "/Users", user+`}`).holds(t, "a small one", http.StatusCreated)
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	for what, c := range map[string]struct {
		body    string
		headers []string
		status  int
		typ     any
	}{
		"too large":              {user + `,"title":"` + strings.Repeat("x", 4096) + `"}`, nil, http.StatusRequestEntityTooLarge, nil},
		"too many values":        {user + `,"x":[` + strings.Repeat(`0,`, 100) + `0]}`, nil, http.StatusRequestEntityTooLarge, nil},
		"another type":           {user + `}`, []string{"Content-Type: text/plain"}, http.StatusUnsupportedMediaType, nil},
		"no type":                {user + `}`, []string{"Content-Type: "}, http.StatusUnsupportedMediaType, nil},
		"another charset":        {user + `}`, []string{"Content-Type: application/json; charset=latin1"}, http.StatusUnsupportedMediaType, nil},
		"no object":              {`[]`, nil, http.StatusBadRequest, "invalidSyntax"},
		"null":                   {`null`, nil, http.StatusBadRequest, "invalidSyntax"},
		"cut off":                {user, nil, http.StatusBadRequest, "invalidSyntax"},
		"two values":             {user + `}{}`, nil, http.StatusBadRequest, "invalidSyntax"},
		"a name twice":           {user + `,"userName":"b"}`, nil, http.StatusBadRequest, "invalidSyntax"},
		"a name in two cases":    {user + `,"USERNAME":"b"}`, nil, http.StatusBadRequest, "invalidSyntax"},
		"bytes that are no text": {user + ",\"title\":\"\xff\"}", nil, http.StatusBadRequest, "invalidSyntax"},
		"too deep":               {user + `,"x":` + deep + `}`, nil, http.StatusBadRequest, "invalidSyntax"},
	} {
		s.ask(t, "POST", "/Users", c.body, c.headers...).holds(t, what, c.status, "scimType", c.typ)
	}
	s.ask(t, "POST", "/Users", strings.Replace(user, `"a"`, `"b"`, 1)+`}`, "Content-Type: application/json; charset=utf-8").holds(t, "plain JSON", http.StatusCreated)
}

func TestVersionsGuardChanges(t *testing.T) {
	s := open(t)
	id, group := s.user(t, "alice"), s.group(t, "Tools")
	for path, body := range map[string]string{
		"/Users/" + id:     patches(`{"op":"replace","path":"title","value":"%s"}`),
		"/Groups/" + group: patches(`{"op":"replace","path":"displayName","value":"%s"}`),
	} {
		first := s.ask(t, "GET", path, "").header.Get("ETag")
		if first == "" {
			t.Fatalf("%s has no ETag", path)
		}
		s.ask(t, "GET", path, "", "If-None-Match: "+first).holds(t, "what the client has", http.StatusNotModified)
		s.ask(t, "GET", path, "", `If-None-Match: W/"99", "x"`).holds(t, "what it has not", http.StatusOK)
		changed := s.ask(t, "PATCH", path, fmt.Sprintf(body, "1"), "If-Match: "+first)
		if changed.status/100 != 2 || changed.header.Get("ETag") == first {
			t.Errorf("%s with its version: %s %s", path, changed, changed.header.Get("ETag"))
		}
		for _, tag := range []string{first, `W/"99"`, `"something"`, `W/"98", W/"99"`} {
			s.ask(t, "PATCH", path, fmt.Sprintf(body, "2"), "If-Match: "+tag).holds(t, tag, http.StatusPreconditionFailed, "status", "412")
			s.ask(t, "DELETE", path, "", "If-Match: "+tag).holds(t, tag, http.StatusPreconditionFailed)
		}
		s.ask(t, "PATCH", path, fmt.Sprintf(body, "2"), "If-Match: 7").holds(t, "no tag", http.StatusBadRequest)
		s.ask(t, "GET", path, "", "If-None-Match: "+first).holds(t, "an old version", http.StatusOK)
		now := s.ask(t, "GET", path, "").header.Get("ETag")
		if a := s.ask(t, "PATCH", path, fmt.Sprintf(body, "3"), "If-Match: "+first+", "+now); a.status/100 != 2 {
			t.Errorf("one of several: %s", a)
		}
		s.ask(t, "DELETE", path, "", "If-Match: *").holds(t, "any version", http.StatusNoContent)
	}
}

func TestListsComeInPagesInOneOrder(t *testing.T) {
	s := open(t)
	for _, name := range []string{"d", "b", "a", "c", "e"} {
		s.user(t, name, `,"name":{"familyName":"`+strings.ToUpper(name)+`"},"emails":[{"value":"`+name+`@acme.example"}]`)
	}
	s.user(t, "none")
	read := func(path string) (all string) {
		a := s.ask(t, "GET", path, "")
		list, _ := a.body["Resources"].([]any)
		for _, r := range list {
			of, _ := r.(map[string]any)
			all += fmt.Sprint(of["userName"]) + " "
		}
		return strings.TrimSpace(all)
	}
	for path, want := range map[string]string{
		"/Users": "d b a c e none", "/Users?sortBy=userName": "a b c d e none", "/Users?sortBy=username&sortOrder=descending": "none e d c b a",
		"/Users?sortBy=name.familyName": "a b c d e none", "/Users?sortBy=emails": "a b c d e none", "/Users?sortBy=userName&startIndex=2&count=2": "b c",
		"/Users?startIndex=6": "none", "/Users?startIndex=7": "", "/Users?count=0": "", `/Users?filter=userName gt "c"&sortBy=userName`: "d e none",
	} {
		if got := read(path); got != want {
			t.Errorf("%s has %q, not %q", path, got, want)
		}
	}
	s.ask(t, "GET", "/Users?sortBy=name", "").holds(t, "an order by an object", http.StatusBadRequest, "scimType", "invalidPath")
	s.ask(t, "GET", "/Users?sortOrder=up", "").holds(t, "an order that there is not", http.StatusBadRequest, "scimType", "invalidValue")
	s.ask(t, "GET", "/Users?startIndex=one", "").holds(t, "a start that is no number", http.StatusBadRequest, "scimType", "invalidValue")
	var by string
	next := ""
	for {
		a := s.ask(t, "GET", "/Users?sortBy=userName&count=4&cursor="+next, "")
		a.holds(t, "a page by cursor", http.StatusOK, "startIndex", nil, "totalResults", 6)
		by += fmt.Sprint(a.at("Resources.0.userName"))
		if next, _ = a.body["nextCursor"].(string); next == "" {
			break
		}
	}
	if by != "ae" {
		t.Errorf("the pages begin with %q", by)
	}
	s.ask(t, "GET", "/Users?cursor=made-up", "").holds(t, "a cursor that is none", http.StatusBadRequest, "scimType", "invalidCursor")
	s.ask(t, "GET", "/Users?cursor=&startIndex=1", "").holds(t, "both ways", http.StatusBadRequest, "scimType", "invalidValue")
	a := s.ask(t, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"sortBy":"userName","sortOrder":"descending","startIndex":2,"count":1,"attributes":["userName"]}`)
	a.holds(t, "a search", http.StatusOK, "Resources.0.userName", "e", "Resources.0.active", nil, "startIndex", 2, "itemsPerPage", 1, "totalResults", 6)
	s.ask(t, "POST", "/Users/.search", `{"filter":"userName pr"}`).holds(t, "a search without a schema", http.StatusBadRequest, "scimType", "invalidSyntax")
	s.ask(t, "GET", "/Users/.search", "").holds(t, "a search by GET", http.StatusMethodNotAllowed)
}

func TestTheCountOfAPageIsCapped(t *testing.T) {
	limits := scim.DefaultLimits()
	limits.Results = 2
	p, err := scim.NewProfile(limits)
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, p)
	for _, name := range []string{"a", "b", "c"} {
		s.user(t, name)
	}
	for _, path := range []string{"/Users", "/Users?count=1000000", "/?count=9"} {
		s.ask(t, "GET", path, "").holds(t, path, http.StatusOK, "itemsPerPage", 2, "totalResults", 3)
	}
	s.ask(t, "GET", "/ServiceProviderConfig", "").holds(t, "what it says", http.StatusOK, "filter.maxResults", 2, "pagination.maxPageSize", 2)
}

func TestAnswersHaveWhatIsAskedFor(t *testing.T) {
	s := open(t)
	id := s.user(t, "alice", `,"title":"t","emails":[{"value":"a","type":"work"}],"`+resource.EnterpriseURN+`":{"department":"d","costCenter":"c"}`)
	s.group(t, "Tools", `,"members":[{"value":"`+id+`"}]`)
	const enterprise = resource.EnterpriseURN
	for query, want := range map[string]string{
		"attributes=title":                                               `{"id":"ID","schemas":["S","E"],"title":"t"}`,
		"attributes=TITLE,bogus":                                         `{"id":"ID","schemas":["S","E"],"title":"t"}`,
		"attributes=bogus":                                               `{"id":"ID","schemas":["S","E"]}`,
		"attributes=emails.value":                                        `{"emails":[{"value":"a"}],"id":"ID","schemas":["S","E"]}`,
		"attributes=" + enterprise + ":department":                       `{"id":"ID","schemas":["S","E"],"E":{"department":"d"}}`,
		"attributes=" + enterprise:                                       `{"id":"ID","schemas":["S","E"],"E":{"costCenter":"c","department":"d"}}`,
		"attributes=" + resource.UserURN + ":userName":                   `{"id":"ID","schemas":["S","E"],"userName":"alice"}`,
		"excludedAttributes=meta,groups,title,emails.type," + enterprise: `{"active":true,"emails":[{"value":"a"}],"id":"ID","schemas":["S","E"],"userName":"alice"}`,
		"excludedAttributes=id,schemas,meta,groups,emails," + enterprise + ":costCenter": `{"active":true,"id":"ID","schemas":["S","E"],"title":"t","E":{"department":"d"},"userName":"alice"}`,
		"attributes=title,userName&excludedAttributes=title":                             `{"id":"ID","schemas":["S","E"],"userName":"alice"}`,
	} {
		a := s.ask(t, "GET", "/Users/"+id+"?"+query, "")
		got := strings.NewReplacer(id, "ID", resource.UserURN, "S", enterprise, "E").Replace(a.raw)
		if got != want {
			t.Errorf("%s is %s, not %s", query, got, want)
		}
	}
}

func TestUsersAndGroupsAreSearchedTogether(t *testing.T) {
	s := open(t)
	for _, name := range []string{"a", "b"} {
		s.user(t, name, `,"displayName":"Tools"`)
	}
	s.group(t, "Tools")
	s.group(t, "Others")
	for path, want := range map[string][2]int{
		"/": {4, 4}, "/?startIndex=2&count=2": {2, 4}, "/?startIndex=4": {1, 4}, "/?startIndex=5": {0, 4}, "/?count=0": {0, 4},
		`/?filter=displayName eq "tools"`: {3, 3}, `/?filter=userName pr`: {2, 2}, `/?filter=not (userName pr)`: {2, 2}, `/?filter=userName ne "a"`: {3, 3},
		`/?filter=meta.resourceType eq "Group"`: {2, 2}, `/?filter=meta.resourceType eq "Group" and displayName sw "t"`: {1, 1}, `/?filter=meta.resourceType eq "Other"`: {0, 0},
		`/?filter=meta.resourceType ne "User" or userName eq "b"`: {3, 3}, `/?filter=emails[type eq "work"] or members pr`: {0, 0},
		`/Users?filter=meta.resourceType eq "User"`: {2, 2}, `/Users?filter=meta.resourceType eq "Group"`: {0, 0},
	} {
		s.ask(t, "GET", path, "").holds(t, path, http.StatusOK, "itemsPerPage", want[0], "totalResults", want[1])
	}
	a := s.ask(t, "POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"displayName eq \"Tools\"","startIndex":3,"count":5}`)
	a.holds(t, "both", http.StatusOK, "Resources.0.meta.resourceType", "Group", "startIndex", 3)
	s.ask(t, "GET", "/?sortBy=displayName", "").holds(t, "both in an order", http.StatusBadRequest)
	s.ask(t, "POST", "/", `{}`).holds(t, "a POST", http.StatusMethodNotAllowed)
}

func TestErrorsOfTheStoreAreNotShown(t *testing.T) {
	s := open(t, func(o *scim.Options) { o.Users = broken{o.Users} })
	a := s.ask(t, "GET", "/Users/x", "")
	a.holds(t, "a store that fails", http.StatusInternalServerError, "status", "500")
	if strings.Contains(a.raw, "secret") {
		t.Errorf("the cause is shown: %s", a)
	}
}

func TestAHaltedConnectionIsToldToWait(t *testing.T) {
	s := open(t, func(o *scim.Options) { o.Users = halted{o.Users} })
	a := s.ask(t, "DELETE", "/Users/x", "")
	a.holds(t, "a halted connection", http.StatusTooManyRequests, "status", "429")
	if a.header.Get("Retry-After") != "900" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	s.ask(t, "GET", "/Users", "").holds(t, "reading", http.StatusOK)
}

// noted keeps the outcomes of operations.
type noted struct{ all []record.Outcome }

func (n *noted) Note(_ context.Context, o record.Outcome) { n.all = append(n.all, o) }

func TestAnAnswerNamesTheOperationThatIsNoted(t *testing.T) {
	var n noted
	s := open(t, func(o *scim.Options) { o.Operations = &n })
	for what, c := range map[string]struct {
		method, path, body string
		named              bool
	}{
		"a list":                   {"GET", "/Users", "", true},
		"what is not there":        {"GET", "/Users/x", "", true},
		"a bulk that is refused":   {"POST", "/Bulk", `{}`, true},
		"a bulk, by its parts":     {"POST", "/Bulk", bulk(makes("1", "x"), makes("2", "y")), false},
		"a body that is not read":  {"POST", "/Users", `{`, false},
		"a path that is not there": {"GET", "/Nobody", "", false},
	} {
		n.all = nil
		id := s.ask(t, c.method, c.path, c.body).header.Get("X-Operation-Id")
		switch {
		case c.named && (len(n.all) != 1 || id == "" || n.all[0].ID != id):
			t.Errorf("%s: %q of %v", what, id, n.all)
		case !c.named && id != "":
			t.Errorf("%s: %q", what, id)
		}
	}
}

func TestTheServerSaysWhatItIs(t *testing.T) {
	s := open(t, func(o *scim.Options) { o.Documentation = "https://docs.example/scim" })
	c := s.ask(t, "GET", "/ServiceProviderConfig", "")
	c.holds(t, "what it can", http.StatusOK, "patch.supported", true, "bulk.supported", true, "bulk.maxOperations", 1000, "filter.supported", true, "sort.supported", true, "etag.supported", true,
		"changePassword.supported", false, "pagination.cursor", true, "documentationUri", "https://docs.example/scim", "authenticationSchemes.0.type", "oauthbearertoken")
	s.ask(t, "GET", "/ResourceTypes", "").holds(t, "its types", http.StatusOK, "totalResults", 2, "Resources.0.name", "User", "Resources.0.schemaExtensions.0.schema", resource.EnterpriseURN)
	s.ask(t, "GET", "/ResourceTypes/Group", "").holds(t, "one type", http.StatusOK, "endpoint", "/Groups", "meta.location", s.at.Base+"/ResourceTypes/Group")
	schemas := s.ask(t, "GET", "/Schemas", "")
	schemas.holds(t, "its schemas", http.StatusOK, "totalResults", 6)
	s.ask(t, "GET", "/Schemas/"+resource.UserURN, "").holds(t, "one schema", http.StatusOK, "name", "User")
	if strings.Contains(schemas.raw, `"name":"password"`) {
		t.Error("it says that it takes passwords")
	}
	s.ask(t, "GET", "/Schemas/urn:none", "").holds(t, "a schema that there is not", http.StatusNotFound)
	s.ask(t, "GET", "/ResourceTypes/None", "").holds(t, "a type that there is not", http.StatusNotFound)
	s.ask(t, "GET", `/Schemas?filter=id eq "x"`, "").holds(t, "a filter", http.StatusForbidden)
	s.ask(t, "POST", "/Schemas", `{}`).holds(t, "a POST", http.StatusMethodNotAllowed)
	s.ask(t, "GET", "/Me", "").holds(t, "/Me", http.StatusNotImplemented, "status", "501")
	for _, path := range []string{"/nowhere", "/Users/a/b", "/Users/", "/ServiceProviderConfig/x", "/users"} {
		s.ask(t, "GET", path, "").holds(t, path, http.StatusNotFound, "status", "404")
	}
	a := s.ask(t, "DELETE", "/Users", "")
	a.holds(t, "a method", http.StatusMethodNotAllowed)
	if a.header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow is %q", a.header.Get("Allow"))
	}
}

func TestAConnectionHasExtensionsOfItsOwn(t *testing.T) {
	const badge = "urn:acme:2.0:Badge"
	p, err := scim.NewProfile(scim.DefaultLimits(), scim.Extension{Resource: "User", Schema: []byte(`{"id":"` + badge + `","name":"Badge","attributes":[{"name":"number","type":"integer"},{"name":"pin","type":"string","returned":"never"},{"name":"note","type":"string","returned":"request"}]}`)},
		scim.Extension{Resource: "Group", Schema: []byte(`{"id":"urn:acme:2.0:Team","attributes":[{"name":"lead","type":"string"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, p)
	id := s.user(t, "alice", `,"`+badge+`":{"number":7,"pin":"1234","note":"n"}`)
	a := s.ask(t, "GET", "/Users/"+id, "")
	a.holds(t, "what is kept", http.StatusOK, "schemas.1", badge)
	if of, _ := a.body[badge].(map[string]any); of["number"] != 7.0 || of["pin"] != nil || of["note"] != nil {
		t.Errorf("it is %v", of)
	}
	asked := s.ask(t, "GET", "/Users/"+id+"?attributes="+badge+":note,"+badge+":pin", "")
	if of, _ := asked.body[badge].(map[string]any); of["note"] != "n" || of["pin"] != nil || of["number"] != nil {
		t.Errorf("asked for, it is %v", of)
	}
	s.ask(t, "GET", "/Users?filter="+badge+":number gt 6", "").holds(t, "a filter", http.StatusOK, "totalResults", 1)
	s.ask(t, "GET", "/Users?filter="+badge+`:pin eq "1234"`, "").holds(t, "a filter on what is never returned", http.StatusBadRequest, "scimType", "invalidFilter")
	s.ask(t, "GET", "/Schemas/"+badge, "").holds(t, "its schema", http.StatusOK, "id", badge)
	g := s.group(t, "Tools", `,"urn:acme:2.0:Team":{"lead":"alice"}`)
	s.ask(t, "PATCH", "/Groups/"+g+"?attributes=urn:acme:2.0:Team:lead", patches(`{"op":"replace","path":"urn:acme:2.0:Team:lead","value":"bob"}`)).holds(t, "a change that asks for attributes", http.StatusOK, "id", g, "displayName", nil)
	for _, bad := range []scim.Extension{
		{Resource: "User", Schema: []byte(`{`)},
		{Resource: "User", Schema: []byte(`{"id":"badge","attributes":[{"name":"a","type":"string"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"urn:x:y","attributes":[]}`)},
		{Resource: "Device", Schema: []byte(`{"id":"urn:x:y","attributes":[{"name":"a","type":"string"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"` + resource.EnterpriseURN + `","attributes":[{"name":"a","type":"string"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"` + resource.UserURN + `","attributes":[{"name":"a","type":"string"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"urn:x:y","attributes":[{"name":"a","type":"string"},{"name":"A","type":"string"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"urn:x:y","attributes":[{"name":"a","type":"string","required":true}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"urn:x:y","attributes":[{"name":"a","type":"complex"}]}`)},
		{Resource: "User", Schema: []byte(`{"id":"urn:x:y","attributes":[{"name":"a","type":"text"}]}`)},
	} {
		if _, err := scim.NewProfile(scim.DefaultLimits(), bad); err == nil {
			t.Errorf("an extension is taken: %s", bad.Schema)
		}
	}
}

func TestGroupsOfUsersAreToldByPathAndDepth(t *testing.T) {
	s := open(t)
	id := s.user(t, "alice")
	inner := s.group(t, "Inner", `,"members":[{"value":"`+id+`","type":"User"}]`)
	outer := s.group(t, "Outer", `,"members":[{"value":"`+inner+`","type":"Group"}]`)
	a := s.ask(t, "GET", "/Users/"+id, "")
	kinds := map[any]any{}
	list, _ := a.body["groups"].([]any)
	for _, g := range list {
		of, _ := g.(map[string]any)
		kinds[of["value"]] = of["type"]
	}
	if kinds[inner] != "direct" || kinds[outer] != "indirect" || len(kinds) != 2 {
		t.Errorf("she is in %v", kinds)
	}
	s.ask(t, "PATCH", "/Groups/"+inner, patches(`{"op":"add","path":"members","value":[{"value":"`+outer+`"}]}`)).holds(t, "a circle", http.StatusBadRequest, "scimType", "invalidValue")
	s.ask(t, "PATCH", "/Groups/"+outer, patches(`{"op":"remove","path":"members[type eq \"Group\"]"}`)).holds(t, "a filter by type", http.StatusNoContent)
	s.ask(t, "GET", "/Groups/"+outer, "").holds(t, "after it", http.StatusOK, "members", nil)
	for _, operation := range []string{
		`{"op":"replace","path":"members[value eq \"` + id + `\"].value","value":"x"}`, `{"op":"replace","path":"members[value eq \"` + id + `\"]","value":{"value":"x"}}`, `{"op":"add","path":"members.value","value":"x"}`,
	} {
		s.ask(t, "PATCH", "/Groups/"+inner, patches(operation)).holds(t, operation, http.StatusBadRequest, "scimType", "mutability")
	}
	s.ask(t, "GET", `/Groups?filter=members[value eq "`+id+`"]`, "").holds(t, "groups by member", http.StatusOK, "totalResults", 1)
	s.ask(t, "GET", `/Users?filter=groups.value eq "`+inner+`"`, "").holds(t, "users by group", http.StatusOK, "totalResults", 1)
	if body := bytes.Count([]byte(a.raw), []byte(`"$ref"`)); body != 2 {
		t.Errorf("there are %d references", body)
	}
}
