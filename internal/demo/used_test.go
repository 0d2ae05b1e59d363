package demo_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// checked walks the story, and returns what it prints.
func checked(t *testing.T, d *demo.Demo) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := d.Check(t.Context(), &out)
	return out.String(), err
}

func TestTheCheckBringsBackWhatTheStaffPageChanged(t *testing.T) {
	dir := folder(t)
	play(t, dir, func(f demo.Facts) {
		o := newOffice(t, f)
		o.hire("Zoe", "zoe", "all-employees")
		o.submit("/alice", "/fire", nil)
		o.submit("/carol", "/move", url.Values{"groups": {"all-employees"}})
		o.submit("/ada", "/move", url.Values{"groups": {"all-employees"}}) // which the broker refuses with each push
	})
	run(t, demo.Options{Data: dir}, func(d *demo.Demo) {
		said, err := checked(t, d)
		if err != nil || !strings.HasPrefix(said, "At Acme, zoe and alice and carol and ada changed since the demo began") {
			t.Errorf("%v: %s", err, said)
		}
		if again, err := checked(t, d); err != nil || strings.Contains(again, "At Acme, ") {
			t.Errorf("once more: %v: %s", err, again)
		}
		if alice := (acme{t, d.Facts()}).user("alice"); !alice.Active || !slices.Contains(alice.groups(), "all-employees") {
			t.Errorf("alice is %+v", alice)
		}
	})
}

func TestTheCheckSaysBeforeItBeginsWhatOfTheDataIsInTheWay(t *testing.T) {
	run(t, demo.Options{Data: folder(t)}, func(d *demo.Demo) {
		f := d.Facts()
		_, found := ask(t, f.Admin.APIToken, http.MethodGet, f.Issuer+"/api/v1/people?q=alice", "")
		if len(found.Items) != 1 {
			t.Fatalf("there are %v", found.Items)
		}
		alice, app := f.Issuer+"/api/v1/people/"+found.Items[0].ID, f.Issuer+"/api/v1/apps/crm-dash"
		manage(t, f.Admin.APIToken, http.MethodPost, alice+"/disable", "")
		manage(t, f.Admin.APIToken, http.MethodPost, app+"/disable", "")
		said, err := checked(t, d)
		if !errors.Is(err, demo.ErrUsed) || said != "" {
			t.Fatalf("%v: %s", err, said)
		}
		for _, part := range []string{"alice may not use expense-bot (person disabled)", "alice may not use crm-dash (person disabled, app disabled)", "begin anew with --data"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not said: %v", part, err)
			}
		}
		manage(t, f.Admin.APIToken, http.MethodPost, alice+"/enable", "")
		manage(t, f.Admin.APIToken, http.MethodPost, app+"/enable", "")
		if said, err := checked(t, d); err != nil {
			t.Errorf("control: %v: %s", err, said)
		}
	})
}

// Before Acme pushed anybody, people came by signing in: those who did keep their accounts,
// also the administrator, whom a connection may not touch otherwise.
func TestPeopleWhoSignedInBeforeAcmePushedThemKeepTheirAccounts(t *testing.T) {
	dir, before := folder(t), map[string]string{}
	signedIn := func(f demo.Facts, username string) string {
		t.Helper()
		who := f.Person(username)
		if page := enter(t, browser.New(), f.App("expense-bot").URL+"login", username, who.Password); page.Status != http.StatusOK {
			t.Fatalf("%s is not let in: %s", username, page.Text())
		}
		_, found := ask(t, f.Admin.APIToken, http.MethodGet, f.Issuer+"/api/v1/people?q="+url.QueryEscape(who.Email), "")
		if len(found.Items) != 1 {
			t.Fatalf("%s is there %d times", username, len(found.Items))
		}
		return found.Items[0].ID
	}
	run(t, demo.Options{Data: dir, Unpushed: true}, func(d *demo.Demo) {
		before["ada"], before["alice"] = signedIn(d.Facts(), "ada"), signedIn(d.Facts(), "alice")
	})
	run(t, demo.Options{Data: dir}, func(d *demo.Demo) {
		a := acme{t, d.Facts()}
		for username, id := range before {
			if u := a.user(username); !u.Active || u.ExternalID != a.Person(username).Subject {
				t.Errorf("%s was pushed as %+v", username, u)
			}
			if now := signedIn(a.Facts, username); now != id {
				t.Errorf("%s was %s and is %s", username, id, now)
			}
		}
		if !slices.Contains(a.user("ada").groups(), "marketplace-admins") {
			t.Error("ada is no administrator")
		}
		if said, err := checked(t, d); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	})
	run(t, demo.Options{Data: dir}, func(d *demo.Demo) {
		page := newOffice(t, d.Facts()).submit("/ada", "/move", url.Values{"groups": {"all-employees"}})
		if result, _ := page.ByID("result"); !strings.Contains(result, "protected") {
			t.Errorf("after that once, administrators are not protected: %s", page.Text())
		}
	})
}
