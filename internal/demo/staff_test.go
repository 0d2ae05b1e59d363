package demo_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// pushedUser is a user of Acme's connection.
type pushedUser struct {
	ID, UserName, ExternalID, Title string
	Active                          bool
	Groups                          []struct{ Display string }
	Enterprise                      struct {
		Department string
		Manager    struct{ Value string }
	} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

// acme is the connection that Acme pushes over, as somebody else with its token.
type acme struct {
	t *testing.T
	demo.Facts
}

func (a acme) do(method, path, body string, to any) int {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.SCIM[0].BaseURL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.SCIM[0].Token)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if to == nil {
		return res.StatusCode
	}
	if err := json.NewDecoder(res.Body).Decode(to); err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode
}

// users are those whom a filter finds.
func (a acme) users(filter string) []pushedUser {
	a.t.Helper()
	var found struct{ Resources []pushedUser }
	if status := a.do(http.MethodGet, "/Users?"+url.Values{"filter": {filter}}.Encode(), "", &found); status != http.StatusOK {
		a.t.Fatalf("%s: %d", filter, status)
	}
	return found.Resources
}

// user is who has the user name.
func (a acme) user(username string) pushedUser {
	a.t.Helper()
	all := a.users(`userName eq "` + username + `"`)
	if len(all) != 1 {
		a.t.Fatalf("%s is there %d times", username, len(all))
	}
	return all[0]
}

// patch changes a resource by one operation.
func (a acme) patch(path, operation string) {
	a.t.Helper()
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
	if status := a.do(http.MethodPatch, path, body, nil); status >= http.StatusMultipleChoices {
		a.t.Fatalf("PATCH %s: %d", path, status)
	}
}

// changed counts the operations that changed something.
func (a acme) changed() (n int) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.Issuer+"/api/v1/connections/acme/scim/operations?limit=200", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.Admin.APIToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list struct{ Items []struct{ Changed bool } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		a.t.Fatal(err)
	}
	for _, o := range list.Items {
		if o.Changed {
			n++
		}
	}
	return n
}

func (u pushedUser) groups() []string {
	var all []string
	for _, g := range u.Groups {
		all = append(all, g.Display)
	}
	slices.Sort(all)
	return all
}

func TestAcmePushesItsPeopleAndGroupsAsAnIdentityProviderWould(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		a := acme{t, f}
		for _, who := range f.IDPs[0].People {
			for _, filter := range []string{`userName eq "` + who.Username + `"`, `externalId eq "` + who.Subject + `"`, `emails[type eq "work"].value eq "` + who.Email + `"`} {
				found := a.users(filter)
				if len(found) != 1 || found[0].ExternalID != who.Subject || found[0].UserName != who.Username || !found[0].Active {
					t.Errorf("%s finds %v", filter, found)
				}
			}
			if got, want := a.user(who.Username).groups(), slices.Sorted(slices.Values(who.Groups)); !slices.Equal(got, want) {
				t.Errorf("%s is in %v, want %v", who.Username, got, want)
			}
		}
		alice := a.user("alice")
		if alice.Title != "Head of Finance" || alice.Enterprise.Department != "Finance" || alice.Enterprise.Manager.Value != a.user("ada").ID {
			t.Errorf("alice is %+v", alice)
		}
	})
}

func TestARestartPushesWhatDiffersAndNothingElse(t *testing.T) {
	dir, before, outsider := folder(t), 0, ""
	play(t, dir, func(f demo.Facts) { before = acme{t, f}.changed() })
	play(t, dir, func(f demo.Facts) {
		a := acme{t, f}
		if now := a.changed(); now != before || now == 0 {
			t.Errorf("%d operations changed something, and %d after a restart", before, now)
		}
		bob := a.user("bob")
		a.patch("/Users/"+bob.ID, `{"op":"replace","value":{"active":false,"title":"Nobody"}}`)
		a.patch("/Groups/"+group(a, "sales"), `{"op":"remove","path":"members","value":[{"value":"`+bob.ID+`"}]}`)
		var made pushedUser
		if status := a.do(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"outsider"}`, &made); status != http.StatusCreated {
			t.Fatalf("somebody else is refused: %d", status)
		}
		outsider = made.ID
		a.patch("/Groups/"+group(a, "sales"), `{"op":"add","path":"members","value":[{"value":"`+outsider+`"}]}`)
		before = a.changed()
	})
	play(t, dir, func(f demo.Facts) {
		a := acme{t, f}
		if bob := a.user("bob"); !bob.Active || bob.Title != "Account Manager" || !slices.Contains(bob.groups(), "sales") {
			t.Errorf("bob is %+v", bob)
		}
		if got := a.user("outsider").groups(); !slices.Equal(got, []string{"sales"}) {
			t.Errorf("who is none of Acme's is in %v", got)
		}
		if now := a.changed(); now != before+2 {
			t.Errorf("%d operations for one person and one group", now-before)
		}
	})
}

// group is the id of a group.
func group(a acme, name string) string {
	a.t.Helper()
	var found struct{ Resources []struct{ ID string } }
	a.do(http.MethodGet, "/Groups?"+url.Values{"filter": {`displayName eq "` + name + `"`}, "excludedAttributes": {"members"}}.Encode(), "", &found)
	if len(found.Resources) != 1 {
		a.t.Fatalf("the group %s is there %d times", name, len(found.Resources))
	}
	return found.Resources[0].ID
}

// enter signs somebody in at a page, and returns the page that they come to.
func enter(t *testing.T, b *browser.Browser, at, username, password string) *browser.Page {
	t.Helper()
	page, err := b.Get(t.Context(), at)
	if err == nil {
		if form, ok := page.Form(""); ok && form.Values.Has("username") {
			page, err = b.Submit(t.Context(), page, "", url.Values{"username": {username}, "password": {password}})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestSomebodyElseWithTheTokenLetsAlicesSessionsEndAndHerComeBack(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		a, who, b := acme{t, f}, f.Person("alice"), browser.New()
		app := f.App("expense-bot").URL + "login"
		if page := enter(t, b, app, who.Username, who.Password); page.Status != http.StatusOK {
			t.Fatalf("alice is not let in: %s", page.Text())
		}
		a.patch("/Users/"+a.user("alice").ID, `{"op":"replace","path":"active","value":false}`)
		if page := enter(t, b, f.Account, "", ""); page.Status == http.StatusOK {
			if _, in := page.ByID("signed-in-as"); in {
				t.Error("her session goes on")
			}
		}
		if page := enter(t, browser.New(), app, who.Username, who.Password); page.Status != http.StatusForbidden {
			t.Errorf("she signs in again: %d %s", page.Status, page.Text())
		}
		a.patch("/Users/"+a.user("alice").ID, `{"op":"replace","path":"active","value":true}`)
		page := enter(t, browser.New(), app, who.Username, who.Password)
		if said, _ := page.ByID("who"); said != who.Email {
			t.Errorf("she is not let in again: %d %s", page.Status, page.Text())
		}
	})
}

// office is Acme's site as ada sees it.
type office struct {
	t *testing.T
	b *browser.Browser
	demo.Facts
}

func newOffice(t *testing.T, f demo.Facts) office {
	t.Helper()
	o := office{t, browser.New(), f}
	if page := enter(t, o.b, f.IDPs[0].Staff, "ada", f.Person("ada").Password); page.Status != http.StatusOK {
		t.Fatalf("ada is not let in: %s", page.Text())
	}
	return o
}

// submit fills in the form to action on the page at path.
func (o office) submit(path, action string, values url.Values) *browser.Page {
	o.t.Helper()
	page, err := o.b.Get(o.t.Context(), o.IDPs[0].Staff+path)
	if err == nil {
		page, err = o.b.Submit(o.t.Context(), page, action, values)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return page
}

func (o office) hire(name, username string, groups ...string) *browser.Page {
	o.t.Helper()
	return o.submit("", "/people", url.Values{"name": {name}, "username": {username}, "department": {"Sales"}, "manager": {"alice"}, "groups": groups})
}

func TestWhoeverIsHiredAgainIsTheSamePerson(t *testing.T) {
	dir := folder(t)
	play(t, dir, func(f demo.Facts) {
		a, o := acme{t, f}, newOffice(t, f)
		page := o.hire("Yara Blum", "yara", "all-employees", "sales")
		first := a.user("yara")
		if page.Status != http.StatusOK || !first.Active || first.Enterprise.Manager.Value != a.user("alice").ID || !slices.Equal(first.groups(), []string{"all-employees", "sales"}) {
			t.Fatalf("%s: %+v", page.Text(), first)
		}
		password, _ := page.ByID("password")
		if page := enter(t, browser.New(), f.App("expense-bot").URL+"login", "yara", password); page.Status != http.StatusOK {
			t.Errorf("she cannot sign in: %s", page.Text())
		}
		page = o.submit("/yara", "/fire", nil)
		if result, _ := page.ByID("result"); !strings.Contains(result, "200") || !strings.Contains(result, " ms") || a.user("yara").Active {
			t.Errorf("it was told: %s", page.Text())
		}
		link, ok := page.Link("0")
		if !ok {
			t.Fatalf("no link leads to the operation: %s", page.Text())
		}
		if at := enter(t, browser.New(), link, "ada", f.Person("ada").Password); at.Status != http.StatusOK || !strings.Contains(at.Text(), "SCIM: deactivate") || !strings.Contains(at.Text(), "person.left") {
			t.Errorf("%s leads to %s (%d): %s", link, at.URL, at.Status, at.Text())
		}
		if page := enter(t, browser.New(), f.App("expense-bot").URL+"login", "yara", password); page.Status != http.StatusUnauthorized {
			t.Errorf("she signs in at Acme: %d %s", page.Status, page.Text())
		}
		o.hire("Yara Blum-Roth", "yara", "all-employees")
		if again := a.user("yara"); again.ID != first.ID || again.ExternalID != first.ExternalID || !again.Active || !slices.Equal(again.groups(), []string{"all-employees"}) {
			t.Errorf("she is back as %+v", again)
		}
	})
	play(t, dir, func(f demo.Facts) {
		if yara := f.Person("yara"); yara.Subject != (acme{t, f}).user("yara").ExternalID || yara.Password == "" {
			t.Errorf("after a restart, the facts tell of %+v", yara)
		}
	})
}

func TestWhatCannotBeSoIsRefusedBeforeTheBrokerIsAsked(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		o := newOffice(t, f)
		before := acme{t, f}.changed()
		for what, page := range map[string]*browser.Page{
			"a user name with a space":      o.hire("Yara", "ya ra"),
			"no name":                       o.hire(" ", "yara"),
			"a name that is too long":       o.hire(strings.Repeat("y", 101), "yara"),
			"who works here":                o.hire("Alice Two", "alice"),
			"a group that is not there":     o.hire("Yara", "yara", "board"),
			"a manager who is not there":    o.submit("/bob", "/move", url.Values{"manager": {"nobody"}}),
			"somebody as their own manager": o.submit("/bob", "/move", url.Values{"manager": {"bob"}}),
		} {
			if problem, ok := page.ByID("problem"); page.Status != http.StatusBadRequest || !ok || problem == "" {
				t.Errorf("%s: %d %s", what, page.Status, page.Text())
			}
		}
		if page, err := o.b.Post(t.Context(), nil, f.IDPs[0].Staff+"/ada/fire", nil); err != nil || page.Status != http.StatusBadRequest {
			t.Errorf("ada fires herself: %v %v", page, err)
		}
		if page, err := o.b.Get(t.Context(), f.IDPs[0].Staff+"/nobody"); err != nil || page.Status != http.StatusNotFound {
			t.Errorf("nobody's page: %v %v", page, err)
		}
		if now := (acme{t, f}).changed(); now != before {
			t.Errorf("%d operations changed something", now-before)
		}
		if page := o.hire("Yara", "yara", "all-employees"); page.Status != http.StatusOK {
			t.Errorf("control: %s", page.Text())
		}
	})
}

func TestOnlyWhoDoesHumanResourcesHires(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		at, form := f.IDPs[0].Staff, url.Values{"name": {"Yara"}, "username": {"yara"}}
		bob := browser.New()
		if page := enter(t, bob, at, "bob", f.Person("bob").Password); page.Status != http.StatusForbidden {
			t.Errorf("bob is let in: %s", page.Text())
		}
		if page, err := bob.Post(t.Context(), nil, at, form); err != nil || page.Status != http.StatusForbidden {
			t.Errorf("bob hires: %v %v", page, err)
		}
		if page := enter(t, browser.New(), at, "ada", "wrong"); page.Status != http.StatusUnauthorized {
			t.Errorf("a wrong password: %d", page.Status)
		}
		if page, err := browser.New().Post(t.Context(), nil, at, form); err != nil || strings.HasPrefix(page.URL.String(), at) {
			t.Errorf("nobody hires: %v %v", page, err)
		}
		o := newOffice(t, f)
		abroad, err := o.b.Get(t.Context(), f.App("field-notes").URL)
		if err != nil {
			t.Fatal(err)
		}
		if page, err := o.b.Post(t.Context(), abroad, at, form); err != nil || page.Status != http.StatusForbidden {
			t.Errorf("a form of another site hires: %v %v", page, err)
		}
		if found := (acme{t, f}).users(`userName eq "yara"`); len(found) != 0 {
			t.Errorf("yara was hired: %v", found)
		}
		if page := o.hire("Yara", "yara"); page.Status != http.StatusOK {
			t.Errorf("control: %s", page.Text())
		}
	})
}

func TestWhatTheBrokerRefusesIsShown(t *testing.T) {
	play(t, folder(t), func(f demo.Facts) {
		page := newOffice(t, f).submit("/ada", "/move", url.Values{"groups": {"all-employees"}})
		if result, _ := page.ByID("result"); !strings.Contains(result, "403") || !strings.Contains(result, "protected") || strings.Contains(result, "it was so") {
			t.Errorf("it is told: %s", page.Text())
		}
		if ada := (acme{t, f}).user("ada"); !slices.Contains(ada.groups(), "marketplace-admins") {
			t.Errorf("the administrator is in %v alone", ada.groups())
		}
	})
}

func TestChangesStayAtAcmeWhenTheBrokerTakesNothingFromIt(t *testing.T) {
	dir := folder(t)
	play(t, dir, func(f demo.Facts) {
		of := f.Issuer + "/api/v1/connections/acme/scim/tokens"
		_, there := ask(t, f.Admin.APIToken, http.MethodGet, of, "")
		for _, token := range there.Items {
			manage(t, f.Admin.APIToken, http.MethodDelete, of+"/"+token.ID, "")
		}
		page := newOffice(t, f).hire("Yara", "yara", "all-employees")
		if result, _ := page.ByID("result"); !strings.Contains(result, "401") {
			t.Errorf("without a token that is good: %s", page.Text())
		}
		for range 2 {
			manage(t, f.Admin.APIToken, http.MethodPost, of, `{"name":"mine"}`)
		}
	})
	play(t, dir, func(f demo.Facts) {
		page := newOffice(t, f).hire("Xaver", "xaver", "all-employees")
		if result, _ := page.ByID("result"); !strings.Contains(result, "The broker is not told") {
			t.Errorf("without a token: %s", page.Text())
		}
	})
}
