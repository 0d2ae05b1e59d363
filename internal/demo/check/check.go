// Package check walks the story of the product over HTTP, as a person with a
// browser and an app with a client library would, and stops at the first thing
// that is not so. It knows the demo's facts and nothing of its insides: it can be
// pointed at any broker that has the same people and apps.
package check

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// Person is somebody who signs in.
type Person struct{ Username, Password, Email string }

// App is an app that the walk visits or acts as.
type App struct {
	URL, ClientID, Secret, RedirectURI string
}

// Options say where the parties are. All fields are required.
type Options struct {
	Issuer  string
	Account string
	// Allowed may use every app, Denied may use none; Missing is the group that
	// Denied is told about.
	Allowed, Denied Person
	Missing         string
	// Refreshing is a client_secret_basic app with refresh tokens, Post one with
	// client_secret_post, Public one without a secret, KeyJWT one with
	// private_key_jwt; Job is an app without people, and Calling one that calls an API
	// in their name; Listening is that API, which shows the signals that it gets.
	Refreshing, Post, Public, KeyJWT, Job, Calling, Listening App
	// IDP is the identity provider of Allowed and Denied.
	IDP string
	// Staff is where the identity provider's people are hired and fired, nil without it.
	Staff *Staff
	// SAML is what speaks SAML, nil without any.
	SAML *SAML
	Now  func() time.Time
	// Out gets a line for each step.
	Out io.Writer
}

// SAML is who and what speaks SAML: a person who comes over the identity provider IDP,
// and an app, with the address at which the portal launches it.
type SAML struct {
	Partner          Person
	IDP, App, Launch string
}

// Staff is the site on which an identity provider's people are hired, moved and fired,
// and the SCIM connection over which the broker is told.
type Staff struct {
	URL string
	HR  Person
	// Group lets its members open the app Refreshing, Without does not.
	Group, Without string
	// BaseURL is that of the SCIM connection, Token its bearer token, and Subject that of
	// Allowed.
	BaseURL, Token, Subject string
}

// walk is one run of the story.
type walk struct {
	Options
	person *browser.Browser
	tokens tokens // what the walk holds when it acts as the app Refreshing
	old    string // a refresh token that was used
	hr     *browser.Browser
	hired  *browser.Browser // of who was hired
}

// step is one thing that must be so.
type step struct {
	says string
	do   func(*walk, context.Context) error
}

// story lists the steps in order; each stands on those before it.
func story() []step {
	return []step{
		{"the broker tells where its endpoints are", (*walk).discovery},
		{"an app without PKCE is refused", (*walk).withoutPKCE},
		{"a person signs in to the first app", (*walk).firstApp},
		{"the second app opens without another password", (*walk).secondApp},
		{"the public app and the app with a key open too", (*walk).otherApps},
		{"the account page says who is signed in", (*walk).account},
		{"a person without the group is told which one is missing", (*walk).denied},
		{"a code is worth nothing with another verifier", (*walk).wrongVerifier},
		{"the id_token carries the nonce that was sent", (*walk).nonce},
		{"a refresh gives new tokens", (*walk).refresh},
		{"a used refresh token is refused, and ends its family", (*walk).reuse},
		{"a job gets a token of its own and calls the API", (*walk).job},
		{"an app calls the API for a person, by an exchanged token", (*walk).calling},
		{"an app whose manifest does not say so exchanges nothing", (*walk).notExchanging},
		{"a chain of two exchanges is shown, and refused by both APIs when it is cut", (*walk).chain},
		{"signing out everywhere reaches the apps", (*walk).signOut},
		{"the API that was called for the person hears of it, by a signal", (*walk).signalled},
	}
}

// samlStory are the further steps where something speaks SAML.
func samlStory() []step {
	return []step{
		{"a person of the partner signs in over SAML", (*walk).partner},
		{"the app that speaks SAML opens without another password", (*walk).samlApp},
		{"the portal opens it, too", (*walk).samlLaunch},
		{"signing out there signs out of everything", (*walk).samlSignOut},
	}
}

// Run walks the story. The error names the step that failed.
func Run(ctx context.Context, o Options) error {
	w := &walk{Options: o, person: browser.New(), hr: browser.New(), hired: browser.New()}
	begun := o.Now()
	steps := story()
	if o.Staff != nil {
		steps = append(steps, staffStory()...)
	}
	if o.SAML != nil {
		steps = append(steps, samlStory()...)
	}
	for i, s := range steps {
		at := o.Now()
		err := s.do(w, ctx)
		took := o.Now().Sub(at).Round(time.Millisecond)
		if err != nil {
			_, _ = fmt.Fprintf(o.Out, "%2d  FAILED  %6s  %s\n            %v\n", i+1, took, s.says, err)
			return fmt.Errorf("check: %s: %w", s.says, err)
		}
		_, _ = fmt.Fprintf(o.Out, "%2d  ok      %6s  %s\n", i+1, took, s.says)
	}
	_, _ = fmt.Fprintf(o.Out, "All %d steps are so, in %s.\n", len(steps), o.Now().Sub(begun).Round(time.Millisecond))
	return nil
}

// signIn opens target and signs in at the identity provider if it asks.
func (w *walk) signIn(ctx context.Context, b *browser.Browser, target string, who Person) (*browser.Page, error) {
	page, err := b.Get(ctx, target)
	if err != nil {
		return nil, err
	}
	if form, ok := page.Form(""); ok && form.Values.Has("username") {
		return b.Submit(ctx, page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
	}
	return page, nil
}

// shows fails unless the page's element with this id reads want.
func shows(page *browser.Page, id, want string) error {
	if got, ok := page.ByID(id); !ok || got != want {
		return fmt.Errorf("%s (status %d) does not show %q as %s: %s", page.URL.Redacted(), page.Status, want, id, page.Text())
	}
	return nil
}

func (w *walk) firstApp(ctx context.Context) error {
	page, err := w.signIn(ctx, w.person, w.Refreshing.URL+"login?idp="+w.IDP, w.Allowed)
	if err != nil {
		return err
	}
	return shows(page, "who", w.Allowed.Email)
}

func (w *walk) secondApp(ctx context.Context) error {
	return w.opens(ctx, w.Post)
}

func (w *walk) otherApps(ctx context.Context) error {
	if err := w.opens(ctx, w.Public); err != nil {
		return err
	}
	return w.opens(ctx, w.KeyJWT)
}

// opens fails unless the app lets the signed-in person in without any page between.
func (w *walk) opens(ctx context.Context, app App) error {
	page, err := w.person.Get(ctx, app.URL+"login")
	if err != nil {
		return err
	}
	return shows(page, "who", w.Allowed.Email)
}

func (w *walk) account(ctx context.Context) error {
	page, err := w.person.Get(ctx, w.Account)
	if err != nil {
		return err
	}
	return shows(page, "signed-in-as", w.Allowed.Email)
}

func (w *walk) denied(ctx context.Context) error {
	page, err := w.signIn(ctx, browser.New(), w.Refreshing.URL+"login?idp="+w.IDP, w.Denied)
	if err != nil {
		return err
	}
	if _, in := page.ByID("who"); in {
		return fmt.Errorf("%s is let in", w.Denied.Username)
	}
	if page.Status != http.StatusForbidden || !contains(page.Text(), w.Missing) {
		return fmt.Errorf("the page (status %d) does not name the missing group %q: %s", page.Status, w.Missing, page.Text())
	}
	return nil
}

func (w *walk) job(ctx context.Context) error {
	b := browser.New()
	page, err := b.Get(ctx, w.Job.URL)
	if err != nil {
		return err
	}
	page, err = b.Submit(ctx, page, "/run", nil)
	if err != nil {
		return err
	}
	if result, _ := page.ByID("result"); !contains(result, "200 OK") {
		return fmt.Errorf("the API refused: %s", page.Text())
	}
	return nil
}

// signOut ends every session and expects the broker, the tokens and the apps to
// know. The apps are told over the back channel, which may take a moment.
func (w *walk) signOut(ctx context.Context) error {
	before, err := w.authorize(ctx, w.person, nil)
	if err != nil {
		return err
	}
	held, err := w.redeem(ctx, before.code, before.verifier)
	if err != nil {
		return err
	}
	page, err := w.person.Get(ctx, w.Account)
	if err != nil {
		return err
	}
	if _, err := w.person.Submit(ctx, page, "everywhere", nil); err != nil {
		return err
	}
	if err := w.userinfoAnswers(ctx, held.Access, http.StatusUnauthorized); err != nil {
		return err
	}
	page, err = w.person.Get(ctx, w.Account)
	if err != nil {
		return err
	}
	if _, in := page.ByID("signed-in-as"); in {
		return fmt.Errorf("%s still shows somebody as signed in", w.Account)
	}
	return w.appsForget(ctx)
}

// appsForget waits until no app shows the person as signed in.
func (w *walk) appsForget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for _, app := range []App{w.Refreshing, w.Post, w.Public, w.KeyJWT, w.Calling} {
		for {
			page, err := w.person.Get(ctx, app.URL)
			if err != nil {
				return fmt.Errorf("%s was not told of the sign-out: %w", app.ClientID, err)
			}
			if _, in := page.ByID("who"); !in {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s was not told of the sign-out: %w", app.ClientID, ctx.Err())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}
