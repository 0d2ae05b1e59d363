package check

import (
	"context"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// maxPosts bounds the forms on the way of a SAML message.
const maxPosts = 8

// carry posts the forms that carry SAML messages and follows the pages that lead on, as
// a person does whose browser runs no scripts, until there is a page that is neither.
func carry(ctx context.Context, b *browser.Browser, page *browser.Page) (*browser.Page, error) {
	for range maxPosts {
		var err error
		if onward, ok := page.Link("Continue"); ok {
			if page, err = b.Get(ctx, onward); err != nil {
				return nil, err
			}
			continue
		}
		form, ok := page.Form("")
		if !ok || !form.Values.Has("SAMLRequest") && !form.Values.Has("SAMLResponse") || form.Values.Has("username") {
			return page, nil
		}
		if page, err = b.Submit(ctx, page, "", nil); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s goes round in a circle", page.URL.Redacted())
}

func (w *walk) samlApp(ctx context.Context) error { return w.samlOpens(ctx, w.SAML.App+"login") }

func (w *walk) samlLaunch(ctx context.Context) error { return w.samlOpens(ctx, w.SAML.Launch) }

// samlOpens fails unless the address leads the signed-in person into the SAML app.
func (w *walk) samlOpens(ctx context.Context, target string) error {
	page, err := w.person.Get(ctx, target)
	if err == nil {
		page, err = carry(ctx, w.person, page)
	}
	if err != nil {
		return err
	}
	return shows(page, "who", w.SAML.Partner.Email)
}

// partner signs in to an app of OpenID Connect with the identity provider that speaks
// SAML.
func (w *walk) partner(ctx context.Context) error {
	w.person = browser.New()
	page, err := w.signIn(ctx, w.person, w.Refreshing.URL+"login?idp="+w.SAML.IDP, w.SAML.Partner)
	if err == nil {
		page, err = carry(ctx, w.person, page)
	}
	if err != nil {
		return err
	}
	return shows(page, "who", w.SAML.Partner.Email)
}

// samlSignOut signs out at the SAML app, after which nobody is signed in at the broker.
func (w *walk) samlSignOut(ctx context.Context) error {
	page, err := w.person.Get(ctx, w.SAML.App)
	if err == nil {
		page, err = w.person.Submit(ctx, page, "/logout", nil)
	}
	if err == nil {
		page, err = carry(ctx, w.person, page)
	}
	if err != nil {
		return err
	}
	if err := shows(page, "bye", "You are signed out."); err != nil {
		return err
	}
	if page, err = w.person.Get(ctx, w.Account); err != nil {
		return err
	}
	if _, ok := page.ByID("signed-in-as"); ok {
		return fmt.Errorf("%s still shows somebody", page.URL.Redacted())
	}
	return nil
}
