package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// Newcomer is the user name of who is hired and fired, in each walk again.
const Newcomer = "zoe"

// staffStory are the further steps where people are hired and fired.
func staffStory() []step {
	return []step{
		{"the identity provider pushed its people over SCIM", (*walk).pushed},
		{"somebody who is hired opens an app at once", (*walk).hires},
		{"another group takes the app away at once, and the old one brings it back", (*walk).moves},
		{"whoever is fired is out before the identity provider has its answer", (*walk).fires},
	}
}

// pushed looks for the record of the person Allowed by the subject of their sign-ins.
func (w *walk) pushed(ctx context.Context) error {
	q := url.Values{"filter": {`externalId eq "` + w.Staff.Subject + `"`}, "excludedAttributes": {"groups"}}
	var found struct {
		Resources []struct {
			UserName string
			Active   bool
		}
	}
	status, err := w.getJSON(ctx, w.Staff.BaseURL+"/Users?"+q.Encode(), w.Staff.Token, &found)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK || len(found.Resources) != 1:
		return fmt.Errorf("status %d, with %d people", status, len(found.Resources))
	case found.Resources[0].UserName != w.Allowed.Username || !found.Resources[0].Active:
		return fmt.Errorf("%q is active: %t", found.Resources[0].UserName, found.Resources[0].Active)
	}
	return nil
}

// answered fails unless the site tells that the broker did what it was asked.
func answered(page *browser.Page) error {
	result, ok := page.ByID("result")
	if page.Status != http.StatusOK || !ok || !contains(result, "When the broker had answered, it was so.") {
		return fmt.Errorf("%s (status %d): %s", page.URL.Redacted(), page.Status, page.Text())
	}
	return nil
}

// hires has the newcomer taken in, and signs them in to the app Refreshing.
func (w *walk) hires(ctx context.Context) error {
	page, err := w.signIn(ctx, w.hr, w.Staff.URL, w.Staff.HR)
	if err == nil {
		page, err = w.hr.Submit(ctx, page, "/people", url.Values{
			"name": {"Zoe Adler"}, "username": {Newcomer}, "title": {"Accountant"}, "department": {"Finance"}, "manager": {w.Allowed.Username}, "groups": {w.Staff.Group},
		})
	}
	if err == nil {
		err = answered(page)
	}
	if err != nil {
		return err
	}
	password, _ := page.ByID("password")
	who := Person{Username: Newcomer, Password: password}
	if page, err = w.signIn(ctx, w.hired, w.Refreshing.URL+"login?idp="+w.IDP, who); err != nil {
		return err
	}
	if _, in := page.ByID("who"); !in {
		return fmt.Errorf("the app does not open: %s", page.Text())
	}
	return nil
}

// moves gives the newcomer the group without the app, and the other one again.
func (w *walk) moves(ctx context.Context) error {
	held, err := w.hold(ctx)
	if err != nil {
		return err
	}
	if err := w.move(ctx, w.Staff.Without); err != nil {
		return err
	}
	if err := w.userinfoAnswers(ctx, held.Access, http.StatusUnauthorized); err != nil {
		return err
	}
	page, err := w.hired.Get(ctx, w.Refreshing.URL+"login")
	if err != nil {
		return err
	}
	if page.Status != http.StatusForbidden || !contains(page.Text(), w.Staff.Group) {
		return fmt.Errorf("the page (status %d) does not name the missing group: %s", page.Status, page.Text())
	}
	if err := w.move(ctx, w.Staff.Group); err != nil {
		return err
	}
	_, err = w.hold(ctx)
	return err
}

// move gives the newcomer a group in place of the others.
func (w *walk) move(ctx context.Context, group string) error {
	page, err := w.hr.Get(ctx, w.Staff.URL+"/"+Newcomer)
	if err == nil {
		page, err = w.hr.Submit(ctx, page, "/move", url.Values{"manager": {w.Allowed.Username}, "groups": {group}})
	}
	if err != nil {
		return err
	}
	return answered(page)
}

// hold gets tokens of the app Refreshing for the newcomer, who is signed in.
func (w *walk) hold(ctx context.Context) (tokens, error) {
	got, err := w.authorize(ctx, w.hired, nil)
	if err != nil {
		return tokens{}, err
	}
	return w.redeem(ctx, got.code, got.verifier)
}

// fires lets the newcomer go and expects what they hold to be dead.
func (w *walk) fires(ctx context.Context) error {
	held, err := w.hold(ctx)
	if err != nil {
		return err
	}
	page, err := w.hr.Get(ctx, w.Staff.URL+"/"+Newcomer)
	if err == nil {
		page, err = w.hr.Submit(ctx, page, "/fire", nil)
	}
	if err == nil {
		err = answered(page)
	}
	if err != nil {
		return err
	}
	if err := w.userinfoAnswers(ctx, held.Access, http.StatusUnauthorized); err != nil {
		return err
	}
	if page, err = w.hired.Get(ctx, w.Account); err != nil {
		return err
	}
	if _, in := page.ByID("signed-in-as"); in {
		return errors.New("the session goes on")
	}
	return nil
}
