package porting_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/porting"
)

// realm is what kc.sh export of Keycloak 26.5 wrote, without what is not read.
func realm(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/keycloak-26-realm.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// secret is where passwords and secrets were in the fixtures.
const secret = "never-to-be-seen"

const (
	adaID     = "e6575e0c-7c63-43ab-9724-bcf6ec1553a9"
	graceID   = "b72f4b07-7185-4a69-b37e-647f6b8db184"
	malloryID = "27d7c77c-b9c1-4f28-a6f7-b587cf1550f0"
)

func noted(i porting.Import) map[string]int {
	all := map[string]int{}
	for _, n := range i.Notes {
		all[n.Code] = n.Count
	}
	return all
}

func TestARealmOfKeycloakComesWithItsPeopleLinksAndGroups(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		w := open(t)
		n := porting.New{Format: porting.Keycloak, Options: porting.Options{Connections: map[string]string{"google": "partner"}, Subjects: "jit", Groups: "acme"}}
		done := w.take(t, n, realm(t))
		counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {3}, porting.KindUser: {3}, porting.KindGroup: {5}, porting.KindMembership: {7}})
		ada, grace, mallory := w.owner(t, "partner", "110169484474386276334"), w.owner(t, "jit", graceID), w.owner(t, "partner", "220000000000000000000")
		if ada.ID != adaID || ada.Profile.Name != "Ada Lovelace" || ada.Profile.Locale != "en" || ada.Profile.EmailVerified || len(ada.Identities) != 2 {
			t.Errorf("%+v", ada)
		}
		if grace.ID != graceID || mallory.ID != malloryID || !mallory.Disabled || grace.Disabled {
			t.Errorf("%+v\n%+v", grace, mallory)
		}
		if w.owner(t, "acme", "ada.lovelace").ID+w.owner(t, "partner", "ada.lovelace").ID != "" {
			t.Error("an alias that nobody named a connection for linked somebody")
		}
		var names []string
		for _, g := range ada.Groups {
			found, err := w.db.Records().Group(t.Context(), "acme", g.Group.ID)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, found.DisplayName)
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"/engineering", "/engineering/platform", "/engineering/platform/on-call"}) {
			t.Errorf("she is in %q", names)
		}
		if members, err := w.db.Records().GroupsOf(t.Context(), "acme", malloryID); err != nil || len(members[malloryID]) != 2 {
			t.Errorf("a group with a slash in its name: %v %v", members, err)
		}
		got := noted(done)
		for code, n := range map[string]int{"identity_provider_unmapped": 1, "service_account": 1, "realm_role": 2, "client_role": 1, "group_role": 2} {
			if got[code] != n {
				t.Errorf("%s: %d, want %d of %v", code, got[code], n, got)
			}
		}
		again := w.take(t, n, realm(t))
		if u := counted(again)[porting.KindPerson]; u != [4]int{0, 0, 3, 0} {
			t.Errorf("again: %v", counted(again))
		}
		if out := w.export(t, ""); strings.Contains(out, secret) {
			t.Error("a password came along")
		}
	})
}

func TestUsersOfKeycloakWhoCouldNotSignInAreToldOfAndLeftOut(t *testing.T) {
	w := open(t, sqlite(t))
	n := porting.New{Format: porting.Keycloak, Options: porting.Options{Connections: map[string]string{"google": "partner"}}}
	done := w.take(t, n, realm(t))
	counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {2}})
	got := noted(done)
	if got["user_without_subject"] != 1 || got["memberships_left_out"] != 2 || got["groups_left_out"] != 5 {
		t.Errorf("%v", done.Notes)
	}
}

func TestTheFilesThatKeycloakWritesOfUsersStandBehindTheRealm(t *testing.T) {
	w := open(t, sqlite(t))
	text := realm(t)
	begin, end := strings.Index(text, `"users": [`), strings.Index(text, `"identityProviders": [`)
	users := strings.TrimSuffix(strings.TrimSpace(text[begin:end]), ",")
	only := text[:begin] + text[end:]
	n := porting.New{Format: porting.Keycloak, Options: porting.Options{Subjects: "jit", Groups: "acme"}}
	want := map[porting.Kind][4]int{porting.KindPerson: {3}, porting.KindUser: {3}, porting.KindGroup: {5}, porting.KindMembership: {7}}
	// Whichever comes first.
	counts(t, w.receive(t, n, only+"\n{\"realm\": \"acme\", "+users+"}\n"), want)
	counts(t, w.receive(t, n, "{\"realm\": \"acme\", "+users+"}"+only), want)
	if i := w.receive(t, n, only); i.State != porting.Refused || i.Fault.Code != "import_keycloak" {
		t.Errorf("without users: %s %+v", i.State, i.Fault)
	}
}

func TestWhatIsNoRealmIsRefusedAndABadUserAlone(t *testing.T) {
	w := open(t, sqlite(t))
	n := porting.New{Format: porting.Keycloak, Options: porting.Options{Connections: map[string]string{"google": "partner"}}}
	link := `"federatedIdentities":[{"identityProvider":"google","userId":"%"}]`
	for what, text := range map[string]string{
		"nothing": "", "a list": "[]", "a text": `"users"`, "no JSON": "users", "cut short": `{"users":[{"id":"a"`, "no list of users": `{"users":{}}`,
		"deep": `{"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `,"users":[]}`, "lines of ours": whole,
		"a huge user": `{"users":[{"id":"` + strings.Repeat("a", porting.MaxLine*2) + `"}]}`,
	} {
		if i := w.receive(t, n, text); i.State != porting.Refused || !strings.HasPrefix(i.Fault.Pointer, "line ") {
			t.Errorf("%s: %s %+v", what, i.State, i.Fault)
		}
	}
	i := w.receive(t, n, `{"users":[
		{"id":"a","username":7},
		{"id":"../b","username":"b",`+strings.ReplaceAll(link, "%", "b")+`},
		{"id":"c","username":"c",`+strings.ReplaceAll(link, "%", "c")+`},
		{"id":"d","username":"c",`+strings.ReplaceAll(link, "%", "c")+`}]}`)
	want := []string{"2 /username import_keycloak_user", "3 /id import_id", "5 /identities/0 import_line_twice"}
	if got := w.faults(t, i); !slices.Equal(got, want) || counted(i)[porting.KindPerson][0] != 1 {
		t.Errorf("%q, want %q; %v", got, want, counted(i))
	}
}

// Rows as the tools of Dex's storages write them.
const (
	rows = `[{"table":"refresh_token","connector_id":"google","claims_user_id":"110169484474386276334","claims_username":"Ada Lovelace","claims_email":"ada@acme.example","claims_groups":"[\"engineering\"]","token":"never-to-be-seen"},
{"table":"refresh_token","connector_id":"google","claims_user_id":"110169484474386276334","claims_username":"Ada Lovelace","claims_email":"ada@acme.example","claims_groups":"WyJlbmdpbmVlcmluZyJd"}]
[{"table":"offline_session","user_id":"110169484474386276334","conn_id":"google"},{"table":"offline_session","user_id":"kim","conn_id":"ldap"}]
[{"table":"password","email":"grace@acme.example","username":"grace","user_id":"08a8684b-db88-4b73-90a9-3cd1661f5466","hash":"never-to-be-seen"}]
`
	resources = `{"apiVersion":"v1","items":[
 {"apiVersion":"dex.coreos.com/v1","claims":{"email":"ada@acme.example","emailVerified":true,"groups":["engineering"],"preferredUsername":"ada","userID":"110169484474386276334","username":"Ada Lovelace"},"clientID":"app","connectorData":"bmV2ZXI=","connectorID":"google","kind":"RefreshToken","metadata":{"name":"r1"},"token":"never-to-be-seen"},
 {"apiVersion":"dex.coreos.com/v1","connID":"google","kind":"OfflineSessions","metadata":{"name":"o1"},"refresh":{"app":{"ID":"r1","ClientID":"app"}},"userID":"110169484474386276334"},
 {"apiVersion":"dex.coreos.com/v1","connID":"ldap","kind":"OfflineSessions","metadata":{"name":"o2"},"refresh":{},"userID":"kim"},
 {"apiVersion":"dex.coreos.com/v1","email":"grace@acme.example","hash":"bmV2ZXI=","kind":"Password","metadata":{"name":"p1"},"userID":"08a8684b-db88-4b73-90a9-3cd1661f5466","username":"grace"},
 {"apiVersion":"dex.coreos.com/v1","kind":"OAuth2Client","id":"app","secret":"never-to-be-seen"}],
"kind":"List","metadata":{"resourceVersion":""}}`
)

func TestThePeopleThatDexKnowsComeFromItsTablesAndItsResources(t *testing.T) {
	for what, text := range map[string]string{"tables": rows, "resources": resources} {
		w := open(t, sqlite(t))
		n := porting.New{Format: porting.Dex, Options: porting.Options{Connections: map[string]string{"google": "partner", "ldap": "acme"}}}
		done := w.take(t, n, text)
		counts(t, done, map[porting.Kind][4]int{porting.KindPerson: {2}})
		ada, kim := w.owner(t, "partner", "110169484474386276334"), w.owner(t, "acme", "kim")
		if ada.Profile.Name != "Ada Lovelace" || ada.Profile.Email != "ada@acme.example" || kim.ID != "CgNraW0SBGxkYXA" {
			t.Errorf("%s: %+v %+v", what, ada, kim)
		}
		got := noted(done)
		if got["connector_unmapped"] != 1 || got["group_of_sign_in"] == 0 {
			t.Errorf("%s: %v", what, done.Notes)
		}
		n.Options.Connections["local"] = "jit"
		w.take(t, n, text)
		if p := w.owner(t, "jit", "08a8684b-db88-4b73-90a9-3cd1661f5466"); p.Profile.Username+p.Profile.Name != "grace" {
			t.Errorf("%s: a local password: %+v", what, p)
		}
	}
}

func TestWhatIsNoRowOfDexIsRefused(t *testing.T) {
	w := open(t, sqlite(t))
	n := porting.New{Format: porting.Dex, Options: porting.Options{Connections: map[string]string{"google": "partner"}}}
	for what, text := range map[string]string{
		"nothing": "", "a number": "7", "a list in a list": "[[]]", "cut short": `[{"user_id":"a"`, "no JSON": "rows", "a list of texts": `["a"]`, "a huge value": `{"user_id":"` + strings.Repeat("a", 1<<20) + `"}`,
	} {
		if i := w.receive(t, n, text); i.State != porting.Refused {
			t.Errorf("%s: %s %+v", what, i.State, i.Fault)
		}
	}
	i := w.receive(t, n, `{"user_id":"a"}
{"user_id":7,"conn_id":"google"}
{"user_id":"a","conn_id":"google"}`)
	if got := w.faults(t, i); !slices.Equal(got, []string{"1  import_dex_row", "2  import_dex_row"}) || counted(i)[porting.KindPerson] != [4]int{1} {
		t.Errorf("%v %v", got, counted(i))
	}
}
