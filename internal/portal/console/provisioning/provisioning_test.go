package provisioning_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

// world is a stage on which acme pushes people and groups.
type world struct {
	*consoletest.Stage
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{consoletest.New(t), t}
}

// op is an operation of acme's client.
func (w *world) op(kind string) record.Operation {
	return record.Operation{Connection: "acme", Kind: kind, Method: "PATCH", Path: "/Users/x", Actor: identity.Actor{Ref: identity.Ref{Kind: identity.KindToken, ID: "client"}, Address: "192.0.2.9"}}
}

func (w *world) user(name string, manager string) record.User {
	w.t.Helper()
	u := record.User{UserName: name, ExternalID: "e-" + name, Active: true, Attributes: map[string]any{record.Enterprise: map[string]any{"manager": map[string]any{"value": manager}}}}
	made, _, err := w.Records.CreateUser(w.t.Context(), w.op("Okta: create a user"), u)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *world) group(name string, members ...string) record.Group {
	w.t.Helper()
	all := make([]record.Member, len(members))
	for i, m := range members {
		all[i].Value = m
	}
	made, _, err := w.Records.CreateGroup(w.t.Context(), w.op("Okta: create a group"), record.Group{DisplayName: name}, all)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// answered is what the management API answers the visitor.
func (w *world) answered(operation string, values map[string]string, to any) {
	w.t.Helper()
	p, err := w.DB.Person(w.t.Context(), w.Who)
	var who admin.Principal
	if err == nil {
		who, err = w.Admin.Of(w.t.Context(), p)
	}
	var body []byte
	if err == nil {
		_, body, err = w.Operations.Call(httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil), admin.Operation{Name: operation, Values: values}, who)
	}
	if err == nil {
		err = json.Unmarshal(body, to)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// previewedUndo is what the API says of an undo.
func (w *world) previewedUndo() rest.Hits {
	w.t.Helper()
	var h rest.Hits
	w.answered("previewUndoScim", map[string]string{"id": "acme"}, &h)
	return h
}

// protected is what the API says of a person and of a group.
func (w *world) protected(operation string, values map[string]string) bool {
	w.t.Helper()
	var one struct{ Protected bool }
	w.answered(operation, values, &one)
	return one.Protected
}

// off lets somebody go.
func (w *world) off(u record.User) error {
	_, err := w.Records.UpdateUser(w.t.Context(), w.op("Okta: deactivate, path-less"), "acme", u.ID, 0, func(u record.User) (record.User, error) { u.Active = false; return u, nil })
	return err
}

// shows fails unless the page says all of the texts.
func (w *world) shows(path string, texts ...string) consoletest.Asked {
	w.t.Helper()
	a := w.Get(path)
	for _, text := range texts {
		if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
			w.t.Errorf("%s (%d) does not say %q: %s", path, a.Status, text, a.Body)
		}
	}
	return a
}

func TestATokenIsShownOnceAndAThirdIsRefused(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	const at = "/connections/acme/scim"
	w.shows(at, "https://login.example/auth/scim/v2/acme", "There is none: nobody can push.", "jit&#43;scim")
	form := url.Values{"name": {"Okta <b>"}, "addresses": {"192.0.2.0/24\n2001:db8::/32"}, "days": {"30"}}
	for what, bad := range map[string]url.Values{
		"no name": {"name": {" "}, "days": {"30"}}, "an address that is no network": {"name": {"Okta"}, "addresses": {"192.0.2.7/24"}, "days": {"30"}}, "days without end": {"name": {"Okta"}, "days": {"x"}},
	} {
		if a := w.Post(at+"/tokens/new", bad, "same-origin"); a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `role="alert"`) {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	made := w.Post(at+"/tokens/new", form, "same-origin")
	secret := regexp.MustCompile(`ghs_[\w-]+`).FindString(made.Body)
	if made.Status != http.StatusOK || secret == "" {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	if a := w.shows(at, "Okta &lt;b&gt;", "192.0.2.0/24", "never", "New token"); strings.Contains(a.Body, secret) {
		t.Error("the secret is shown again")
	}
	if who, err := w.Records.Authenticate(t.Context(), "acme", secret, "192.0.2.9"); err != nil || who.Kind != identity.KindToken {
		t.Errorf("it opens nothing: %v", err)
	}
	w.Post(at+"/tokens/new", url.Values{"name": {"second"}, "days": {"30"}}, "same-origin")
	if a := w.Get(at); strings.Contains(a.Body, "New token") {
		t.Error("a third is offered")
	}
	if a := w.Post(at+"/tokens/new", form, "same-origin"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a third is made: %d", a.Status)
	}
	all, err := w.Records.Tokens(t.Context(), "acme")
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	question, done := w.Confirm(at + "/tokens/" + all[0].ID + "/revoke")
	if !strings.Contains(question.Body, all[0].Name) || done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), "notice=scim-token-revoked") {
		t.Errorf("%d %v", done.Status, done.Header)
	}
	if left, err := w.Records.Tokens(t.Context(), "acme"); err != nil || len(left) != 1 || left[0].ID == all[0].ID {
		t.Errorf("%v, %v", left, err)
	}
	if a := w.Get(at + "/tokens/none/revoke"); a.Status != http.StatusNotFound {
		t.Errorf("a token that is not there: %d", a.Status)
	}
}

func TestAHaltedConnectionIsSeenEverywhereAndIsUndoneOrResumedAfterALook(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	var all []record.User
	for _, name := range []string{"anna", "ben", "cleo", "dan"} {
		all = append(all, w.user(name, ""))
	}
	for _, path := range []string{"/undo", "/resume"} {
		if a := w.Get("/connections/acme/scim" + path); a.Status != http.StatusConflict {
			t.Errorf("%s of what is not halted: %d", path, a.Status)
		}
	}
	if err := errors.Join(w.off(all[0]), w.off(all[1])); err != nil {
		t.Fatal(err)
	}
	if err := w.off(all[2]); !errors.Is(err, record.ErrHalted) {
		t.Fatalf("the third: %v", err)
	}
	for _, path := range []string{"", "/connections/acme", "/connections/acme/scim"} {
		w.shows(path, "Acme Workforce is halted since")
	}
	w.shows("/connections/acme/scim", "2 of 4 people", "Undo", "Resume")
	if got := w.previewedUndo(); got.People != 2 || !slices.Equal(got.Names, []string{all[0].UserName, all[1].UserName}) && !slices.Equal(got.Names, []string{all[1].UserName, all[0].UserName}) {
		t.Errorf("the API does not name the same people: %+v", got)
	}
	question, done := w.Confirm("/connections/acme/scim/undo")
	for _, name := range []string{"anna", "ben"} {
		if !strings.Contains(question.Body, name) {
			t.Errorf("the question does not name %s: %s", name, question.Body)
		}
	}
	if strings.Contains(question.Body, "cleo") || done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, question.Body)
	}
	if u, err := w.Records.User(t.Context(), "acme", all[0].ID); err != nil || !u.Active {
		t.Errorf("nobody came back: %+v, %v", u, err)
	}
	if err := w.off(all[3]); !errors.Is(err, record.ErrHalted) {
		t.Errorf("it takes something after an undo: %v", err)
	}
	question, done = w.Confirm("/connections/acme/scim/resume")
	if !strings.Contains(question.Body, "People who went before it was halted") || done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, question.Body)
	}
	if a := w.Get(""); strings.Contains(a.Body, "is halted since") {
		t.Error("the overview says that it is still halted")
	}
	if err := w.off(all[3]); err != nil {
		t.Errorf("after it was resumed: %v", err)
	}
}

func TestOperationsAreToldInWordsAndFound(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	u := w.user("anna", "")
	if err := w.off(u); err != nil {
		t.Fatal(err)
	}
	refused := record.Outcome{Operation: w.op("Entra: create a user"), Status: 409, Code: "uniqueness", Detail: "<script>alert(1)</script>"}
	refused.ID, refused.Time = identity.NewID(), u.Created
	if err := w.DB.Records().SaveOutcomes(t.Context(), []record.Outcome{refused}); err != nil {
		t.Fatal(err)
	}
	const at = "/connections/acme/scim/operations"
	all := w.shows(at, "Okta: deactivate, path-less", "Okta: create a user", "Entra: create a user", "uniqueness", "&lt;script&gt;", `id="live"`)
	if strings.Contains(all.Body, "<script>alert") {
		t.Error("what a client said is not escaped")
	}
	for query, want := range map[string]int{"?result=refused": 1, "?result=changed": 2, "?q=deactivate": 1, "?q=create&result=changed": 1, "?q=nothing": 0, "?result=read": 0} {
		if got := strings.Count(w.Get(at+query).Body, "/scim/operations/"); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for _, bad := range []string{"?result=odd", "?sort=kind", "?what=x"} {
		if a := w.Get(at + bad); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, a.Status)
		}
	}
	if a := w.Get(at + "?format=csv"); a.Status != http.StatusOK || !strings.Contains(a.Body, "Entra: create a user") {
		t.Errorf("as a file: %d %s", a.Status, a.Body)
	}
	links := regexp.MustCompile(`/scim/operations/(\w+)`).FindAllStringSubmatch(w.Get(at+"?q=deactivate").Body, -1)
	one := w.shows(at+"/"+links[0][1], "Okta: deactivate, path-less", "person.left", "anna", "/admin/people/"+u.Person, "192.0.2.9", "Changed something")
	if strings.Contains(one.Body, "person.provisioned") {
		t.Error("it shows what another operation did")
	}
	w.shows(at+"/"+refused.ID, "409 uniqueness", "Refused")
	for _, path := range []string{at + "/none", "/connections/none/scim", "/connections/none/scim/operations"} {
		if a := w.Get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestWhoAndWhatIsProtectedIsNotChangedByWhatIsPushed(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	boss := w.user("boss", "")
	u := w.user("anna", boss.ID)
	person := "/people/" + u.Person
	w.shows(person, "Pushed over SCIM", "e-anna", "boss", "/admin/people/"+boss.Person, "Protect")
	if a := w.Post(person+"/protect", url.Values{}, "same-origin"); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	w.shows(person, "Protected by name", "Protect no more")
	if !w.protected("getPerson", map[string]string{"id": u.Person}) || w.protected("getPerson", map[string]string{"id": boss.Person}) {
		t.Error("the API says otherwise of the person, or of another")
	}
	if err := w.off(u); !errors.Is(err, record.ErrProtected) {
		t.Errorf("it is changed: %v", err)
	}
	w.Post(person+"/unprotect", url.Values{}, "same-origin")
	if err := w.off(u); err != nil {
		t.Errorf("control: %v", err)
	}
	w.shows(person, "Has left")
	inner := w.group("Inner <i>", boss.ID)
	outer := w.group("Outer", inner.ID)
	at := func(g record.Group) string { return "/groups/acme/" + g.ID }
	w.shows(at(inner), "Groups within groups", "Outer", "whoever is here is there, too")
	w.shows(at(outer), "Inner &lt;i&gt;", "whoever is there is here, too")
	w.Post(at(outer)+"/protect", url.Values{}, "same-origin")
	w.shows(at(outer), "Protected by name")
	for _, g := range []record.Group{inner, outer} {
		if got := w.protected("getGroup", map[string]string{"connection": "acme", "group": g.ID}); got != (g.ID == outer.ID) {
			t.Errorf("the API says of %s: %v", g.DisplayName, got)
		}
	}
	if err := w.Records.DeleteGroup(t.Context(), w.op("x"), "acme", inner.ID, 0); !errors.Is(err, record.ErrProtected) {
		t.Errorf("a group within it is deleted: %v", err)
	}
	w.Post(at(outer)+"/unprotect", url.Values{}, "same-origin")
	if err := w.Records.DeleteGroup(t.Context(), w.op("x"), "acme", inner.ID, 0); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestAPersonWhoseRecordWasDeletedOrWhoseManagerIsUnknownHasAPage(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	u, gone := w.user("anna", "123456"), w.user("gone", "")
	w.shows("/people/"+u.Person, "123456")
	if err := w.Records.DeleteUser(context.WithoutCancel(t.Context()), w.op("Okta: delete a user"), "acme", gone.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.shows("/people/"+gone.Person, "Deleted")
	w.Person("plain", "Plain")
	w.shows("/people/plain", "No connection pushed this person.")
}

// Who is switched off where they work is told from who is disabled here, also on the page of
// an app that they answer for.
func TestWhoHasLeftIsSaidToWhereverTheyAreNamed(t *testing.T) {
	w := newWorld(t)
	w.As("ada", admin.Admin)
	u := w.user("zoe", "")
	p, err := w.People.SignIn(t.Context(), directory.Arrival{
		Authentication: identity.Authentication{Connection: "acme", Subject: "e-zoe"}, ExternalID: "e-zoe", Profile: directory.Profile{Email: "zoe@acme.example", EmailVerified: true},
	}, identity.System("test"))
	if err != nil || p.ID != u.Person {
		t.Fatalf("%s signs in as %s: %v", u.Person, p.ID, err)
	}
	w.App("crm", "Customers", "sales")
	if _, err := w.Owners.Name(t.Context(), "crm", ownership.Naming{Primary: "zoe@acme.example"}, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	group := w.group("Staff", u.ID)
	pages := map[string]string{"/people": "Has left", "/people/" + u.Person: "Has left", "/groups/acme/" + group.ID: "Has left", "/apps/crm": "has left"}
	for page, says := range pages {
		if a := w.Get(page); a.Status != http.StatusOK || strings.Contains(a.Body, says) {
			t.Errorf("control: %s (%d): %s", page, a.Status, a.Body)
		}
	}
	if err := errors.Join(w.off(u), w.Owners.Check(t.Context())); err != nil {
		t.Fatal(err)
	}
	for page, says := range pages {
		w.shows(page, says)
	}
	if a := w.Get("/people?disabled=true"); strings.Contains(a.Body, "zoe") {
		t.Errorf("nobody disabled them here: %s", a.Body)
	}
}
