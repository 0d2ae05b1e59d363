package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// switchApp is an app that is only switched on and off.
const switchApp = "chaos-switch"

// disabling signs a person in, takes the person out of service and lets them in
// again: what they had stays refused.
func (w *load) disabling(username string) step {
	return func(ctx context.Context) error {
		f := w.personFact(username)
		if f.want != "enabled" || f.flight != "" {
			if err := w.set(ctx, f, "enabled", http.MethodPost, "/people/"+w.people[username]+"/enable", nil); err != nil {
				return err
			}
		}
		cookie, t, err := w.visit(ctx, username)
		if err != nil {
			return err
		}
		if err := w.set(ctx, f, "disabled", http.MethodPost, "/people/"+w.people[username]+"/disable", nil); err != nil {
			return err
		}
		w.over("a person who was disabled", cookie, t)
		w.passed(ctx, "a disabled person", func(ctx context.Context) reply { return w.c.userinfo(ctx, t.Access) })
		// Whoever is let in at a replica that has yet to hear of the end is out again.
		pause(ctx, w.lag)
		return nil
	}
}

// passed is a violation when what was just ended is let through: at once by the
// broker that acknowledged, within lag by another.
func (w *load) passed(ctx context.Context, what string, try func(context.Context) reply) {
	began := time.Now()
	for try(ctx).ok() {
		if time.Since(began) >= w.lag {
			w.r.wrong(twice, "%s is let through after the acknowledgement", what)
			return
		}
		pause(ctx, 5*time.Millisecond)
	}
	if w.lag > 0 {
		w.r.took("refused by a replica chosen at random", time.Since(began))
	}
}

// personFact is whether a person may sign in.
func (w *load) personFact(username string) *fact {
	id := w.people[username]
	return w.l.state(fact{
		name: "person " + username, want: "enabled", subject: func() string { return "person:" + id },
		types: map[string]string{"disabled": "person.disabled", "enabled": "person.enabled"},
		observe: func(ctx context.Context) (string, error) {
			var p struct{ Disabled bool }
			err := w.c.manage(ctx, http.MethodGet, "/people/"+id, nil).decode(&p)
			return map[bool]string{true: "disabled", false: "enabled"}[p.Disabled], err
		},
	})
}

// visit signs a person in with a browser and lets expense-bot have tokens.
func (w *load) visit(ctx context.Context, username string) (cookie string, t tokens, err error) {
	if cookie, err = w.s.signIn(ctx, username); err != nil {
		var a *answered
		if !errors.As(err, &a) {
			err = &answered{"sign-in", reply{err: err}}
		}
		return "", t, err
	}
	w.l.acknowledged()
	form, got := w.code(ctx, cookie)
	if form == nil {
		return "", t, &answered{"authorize after sign-in", got}
	}
	t, err = w.tokensOf("code after sign-in", w.asExpenseBot(ctx, "/token", form))
	return cookie, t, err
}

// over writes down that a session's cookie and tokens have ended.
func (w *load) over(whose, cookie string, t tokens) {
	w.l.end(ended{"an access token of " + whose, func(ctx context.Context) reply { return w.c.userinfo(ctx, t.Access) }})
	w.l.end(ended{"a refresh token of " + whose, w.refreshing(t.Refresh)})
	w.l.end(ended{"the session of " + whose, func(ctx context.Context) reply {
		form, got := w.code(ctx, cookie)
		if form != nil {
			got.status = http.StatusOK // a code was given
		}
		return got
	}})
}

// sessions signs a person in and ends that session as an operator would.
func (w *load) sessions(username string) step {
	return func(ctx context.Context) error {
		cookie, t, err := w.visit(ctx, username)
		if err != nil {
			return err
		}
		if got := w.c.manage(ctx, http.MethodDelete, "/people/"+w.people[username]+"/sessions", nil); !got.ok() {
			return &answered{"end sessions", got}
		}
		w.l.acknowledged()
		// offline_access outlives the session: the access token ends, and the cookie.
		w.l.end(ended{"an access token of an ended session", func(ctx context.Context) reply { return w.c.userinfo(ctx, t.Access) }})
		w.l.end(ended{"an ended session", func(ctx context.Context) reply {
			form, got := w.code(ctx, cookie)
			if form != nil {
				got.status = http.StatusOK
			}
			return got
		}})
		w.passed(ctx, "an ended session", func(ctx context.Context) reply { return w.c.userinfo(ctx, t.Access) })
		pause(ctx, w.lag)
		return nil
	}
}

// switching switches an app and a group's mapping to and fro.
func (w *load) switching() step {
	app := w.l.state(fact{
		name: "app " + switchApp, want: "enabled", types: map[string]string{"disabled": "app.disabled", "enabled": "app.enabled"},
		observe: func(ctx context.Context) (string, error) {
			var a struct{ Disabled bool }
			err := w.c.manage(ctx, http.MethodGet, "/apps/"+switchApp, nil).decode(&a)
			return map[bool]string{true: "disabled", false: "enabled"}[a.Disabled], err
		},
	})
	mapping := w.l.state(fact{name: "mapping of a group", want: "none", observe: w.mapped})
	n := 0
	return func(ctx context.Context) error {
		n++
		switch n % 4 {
		case 0:
			return w.set(ctx, app, "disabled", http.MethodPost, "/apps/"+switchApp+"/disable", nil)
		case 1:
			return w.set(ctx, app, "enabled", http.MethodPost, "/apps/"+switchApp+"/enable", nil)
		}
		name := fmt.Sprintf("chaos-%d", n)
		return w.set(ctx, mapping, name, http.MethodPut, "/mappings/acme/chaos-group", []byte(`{"name":"`+name+`"}`))
	}
}

// mapped is the name that the group has.
func (w *load) mapped(ctx context.Context) (string, error) {
	all, err := list[struct {
		Group struct{ ID string }
		Name  string
	}](ctx, w.c, "/mappings?limit=1000")
	if err != nil {
		return "", err
	}
	for _, m := range all.Items {
		if m.Group.ID == "chaos-group" {
			return m.Name, nil
		}
	}
	return "none", nil
}

// set changes a fact.
func (w *load) set(ctx context.Context, f *fact, state, method, path string, body []byte) error {
	w.l.aim(f, state)
	if got := w.c.manage(ctx, method, path, body); !got.ok() {
		return &answered{f.name + " to " + state, got}
	}
	w.l.reached(f)
	return nil
}

// apiTokens makes API tokens, uses them and revokes them.
func (w *load) apiTokens() step {
	return func(ctx context.Context) error {
		var made struct{ ID, Secret string }
		got := w.c.manage(ctx, http.MethodPost, "/tokens", []byte(`{"name":"chaos","roles":["auditor"],"days":1}`))
		if !got.ok() {
			return &answered{"make an API token", got}
		}
		if err := json.Unmarshal(got.body, &made); err != nil {
			return err
		}
		w.l.acknowledged()
		use := func(ctx context.Context) reply {
			return w.c.get(ctx, w.c.issuer+"/api/v1/audit?limit=1", made.Secret, "")
		}
		if got := use(ctx); !got.ok() {
			return &answered{"use an API token", got}
		}
		if got := w.c.manage(ctx, http.MethodDelete, "/tokens/"+made.ID, nil); !got.ok() {
			return &answered{"revoke an API token", got}
		}
		w.l.acknowledged()
		w.l.end(ended{"a revoked API token", use})
		w.passed(ctx, "a revoked API token", use)
		return nil
	}
}
