package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// leaver is somebody with everything that there is to take away, and what came of it.
type leaver struct {
	i      int
	how    departure
	person string // id
	// What they hold: the session's cookie, tokens of expense-bot, one that was exchanged
	// for those, and an API token.
	cookie    string
	held      tokens
	exchanged string
	api       string
	// What they answer for: an app, and a change that waits for a second person.
	app, change string

	killed bool
	// acked is when the departure was acknowledged; uncertain says that it was done before,
	// by a request that was not answered.
	acked     time.Time
	uncertain bool
}

// successor is who owns what leavers owned.
const successor = "ada@acme.example"

// holding is something of a leaver's, and how a replica is asked whether it is good.
type holding struct {
	what string
	try  func(ctx context.Context, at *client) reply
}

// prepare gives somebody everything.
func (v *leavers) prepare(ctx context.Context, i int) (*leaver, error) {
	l := &leaver{i: i, how: v.ways[i%len(v.ways)], app: fmt.Sprintf("owned-%d", i)}
	who := v.work.people[i]
	browser, err := v.s.Enter(ctx, works, who)
	if err != nil {
		return nil, err
	}
	if l.cookie, err = v.s.Cookie(browser); err != nil {
		return nil, err
	}
	form, got := v.code(ctx, l.cookie)
	if form == nil {
		return nil, &answered{"authorize", got}
	}
	if l.held, err = v.tokensOf("code", v.asExpenseBot(ctx, "/token", form)); err != nil {
		return nil, err
	}
	if l.person, err = l.held.subject(); err != nil {
		return nil, err
	}
	var t tokens
	if err := patiently(ctx, func() reply { return v.exchanged(ctx, v.c, l.held.Access) }).decode(&t); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	l.exchanged = t.Access
	page, err := browser.Get(ctx, v.s.Issuer()+"/admin/tokens/new")
	if err == nil {
		page, err = browser.Submit(ctx, page, "/admin/tokens", url.Values{"name": {"mine"}, "role-admin": {"yes"}, "days": {"1"}})
	}
	if err != nil {
		return nil, fmt.Errorf("API token: %w", err)
	}
	if l.api, _ = page.Value("secret"); l.api == "" {
		return nil, fmt.Errorf("API token: %d %s", page.Status, page.Text())
	}
	if err := v.burden(ctx, l, who.Email); err != nil {
		return nil, err
	}
	for _, h := range v.holdings(l) {
		if got := patiently(ctx, func() reply { return h.try(ctx, v.c) }); !got.ok() {
			v.r.wrong(refused, "%s of somebody who is there: %s", h.what, got)
		}
	}
	return l, nil
}

// patiently asks again as long as a replica that was started just now, or a machine that is
// under load by others, has no answer.
func patiently(ctx context.Context, ask func() reply) (got reply) {
	for end := time.Now().Add(2 * giveUp); ; pause(ctx, 200*time.Millisecond) {
		if got = ask(); got.err == nil && got.status < http.StatusInternalServerError || ctx.Err() != nil || time.Now().After(end) {
			return got
		}
	}
}

// burden makes a person the owner of an app and has them ask for a change.
func (v *leavers) burden(ctx context.Context, l *leaver, email string) error {
	manifest := "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata: {name: " + l.app + ", title: Owned, description: Has an owner.}\n" +
		"spec:\n  version: 1.0.0\n  owner: {team: finance, primary: " + email + ", secondary: " + successor + ", contacts: {chat: \"#chaos\"}}\n" +
		"  entitlements: [{name: user, description: Use it, groups: [finance]}]\n  identity: {protocol: none}\n"
	if got := patiently(ctx, func() reply { return v.c.manage(ctx, http.MethodPut, "/apps/"+l.app, []byte(manifest)) }); !got.ok() {
		return fmt.Errorf("apply %s: %s", l.app, got)
	}
	as := *v.c
	as.token = l.api
	got := patiently(ctx, func() reply {
		return as.manage(ctx, http.MethodPut, "/mappings/"+works+"/"+l.app, []byte(`{"name":"`+l.app+`"}`))
	})
	var asked struct{ ID string }
	if err := got.decode(&asked); err != nil || got.status != http.StatusAccepted {
		return fmt.Errorf("a change that waits: %s", got)
	}
	l.change = asked.ID
	return nil
}

// subject reads whom an access token is about, unverified.
func (t tokens) subject() (string, error) {
	claims, err := t.claims()
	sub, _ := claims["sub"].(string)
	return sub, err
}

// holdings are what is refused once somebody is out by a departure, but for the refresh
// token, which is another after each use. Of one who is out of an app alone the session goes
// on.
func (v *leavers) holdings(l *leaver) []holding {
	payroll := v.s.Facts().App("payroll-api")
	all := []holding{
		{"the access token", func(ctx context.Context, at *client) reply { return at.userinfo(ctx, l.held.Access) }},
		{"the exchanged token", func(ctx context.Context, at *client) reply {
			got := at.post(ctx, "/introspect", url.Values{"token": {l.exchanged}}, payroll.ClientID, payroll.Secret)
			var said struct{ Active bool }
			if err := got.decode(&said); err == nil && !said.Active {
				got.status = http.StatusUnauthorized
			}
			return got
		}},
		{"the access token, to be exchanged", func(ctx context.Context, at *client) reply { return v.exchanged(ctx, at, l.held.Access) }},
		{"the session", func(ctx context.Context, at *client) reply { return v.codeAt(ctx, at, l.cookie) }},
	}
	if l.how.leaves {
		all = append(all, holding{"the API token", func(ctx context.Context, at *client) reply {
			return at.get(ctx, at.issuer+"/api/v1/me", l.api, "")
		}})
	}
	return all
}

// refresh uses a leaver's refresh token at a replica.
func (v *leavers) refresh(ctx context.Context, at *client, l *leaver) reply {
	app := v.s.Facts().App("expense-bot")
	return at.post(ctx, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {l.held.Refresh}}, app.ClientID, app.Secret)
}

// codeAt asks one replica for a code for expense-bot in a session, without any page: a code
// is 200.
func (v *leavers) codeAt(ctx context.Context, at *client, cookie string) reply {
	app := v.s.Facts().App("expense-bot")
	got := at.get(ctx, at.issuer+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": app.RedirectURIs, "scope": {strings.Join(app.Scopes, " ")}, "prompt": {"none"},
		"state": {"chaos"}, "nonce": {"chaos"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}.Encode(), "", cookie)
	back, err := url.Parse(got.header.Get("Location"))
	if err != nil {
		return reply{err: err}
	}
	if back.Query().Get("code") != "" {
		got.status = http.StatusOK
	}
	return got
}

// consequence is one that a revocation is listed with.
type consequence struct {
	Name, State           string
	Done, Waiting, Failed int
}

// revocation is one as the API tells of it.
type revocation struct {
	ID, Type     string
	Consequences []consequence
}

// of returns a consequence by its name.
func (r revocation) of(name string) consequence {
	for _, c := range r.Consequences {
		if c.Name == name {
			return c
		}
	}
	return consequence{Name: name}
}

// revocations are what the API says ended everything of a leaver's.
func (v *leavers) revocations(ctx context.Context, l *leaver) ([]revocation, error) {
	if l.how.leaves {
		page, err := list[revocation](ctx, v.c, "/people/"+l.person+"/revocations")
		return page.Items, err
	}
	page, err := list[entry](ctx, v.c, "/audit?"+url.Values{"type": {"access.lost"}, "subject": {"person:" + l.person}}.Encode())
	if err != nil {
		return nil, err
	}
	var all []revocation
	for _, e := range page.Items {
		if e.Data["name"] != v.s.Facts().App("expense-bot").Name {
			continue // another app that the group let them into
		}
		var one revocation
		if err := v.c.manage(ctx, http.MethodGet, "/revocations/"+e.ID, nil).decode(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// owner is who answers for the leaver's app.
func (v *leavers) owner(ctx context.Context, l *leaver) (primary string, err error) {
	var o struct{ Primary string }
	err = v.c.manage(ctx, http.MethodGet, "/apps/"+l.app+"/owner", nil).decode(&o)
	return o.Primary, err
}

// asked is the state of the change that a leaver asked for.
func (v *leavers) asked(ctx context.Context, l *leaver) (state string, err error) {
	var c struct{ State string }
	err = v.c.manage(ctx, http.MethodGet, "/changes/"+l.change, nil).decode(&c)
	return c.State, err
}

// listen lets expense-bot hear of what ends: of sessions and over a stream of signals.
func (v *leavers) listen(ctx context.Context) error {
	app := v.s.Facts().App("expense-bot")
	v.told = v.logouts(app.ClientID)
	logout, err := v.told.open(v.s)
	if err != nil {
		return err
	}
	var now struct{ Manifest map[string]any }
	if err := v.c.manage(ctx, http.MethodGet, "/apps/"+app.Name, nil).decode(&now); err != nil {
		return fmt.Errorf("read expense-bot: %w", err)
	}
	spec, _ := now.Manifest["spec"].(map[string]any)
	identity, _ := spec["identity"].(map[string]any)
	oidc, _ := identity["oidc"].(map[string]any)
	scopes, _ := oidc["scopes"].([]any)
	grants, _ := oidc["grantTypes"].([]any)
	if oidc == nil {
		return fmt.Errorf("expense-bot has no OIDC part: %v", now.Manifest)
	}
	oidc["backchannelLogoutUri"] = logout
	oidc["scopes"], oidc["grantTypes"] = append(scopes, map[string]any{"name": "ssf.manage"}), append(grants, "client_credentials")
	manifest, err := json.Marshal(now.Manifest)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	// Sent as YAML, which JSON is.
	if got := v.c.manage(ctx, http.MethodPut, "/apps/"+app.Name, append([]byte("\n"), manifest...)); !got.ok() {
		return fmt.Errorf("apply expense-bot: %s", got)
	}
	pause(ctx, v.s.settle) // every replica knows what it may do now
	return v.subscribe(ctx)
}
