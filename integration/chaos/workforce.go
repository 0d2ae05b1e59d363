package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// works is the connection of people who leave. SCIM says who they are, its identity
// provider proves it.
const works = "works"

// The schemas of SCIM that are written (RFC 7643, section 8.7.1; RFC 7644, section 3.5.2).
const (
	userSchema  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	groupSchema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	patchSchema = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
)

// workforce is an employer of ours: an identity provider and a SCIM client, outside of
// every broker.
type workforce struct {
	people  []demo.FactPerson
	records []string // of people, in the same order
	using   string   // the group whose members may use the sample apps
	token   string
}

// employ opens the connection, pushes n people over it who may use the sample apps and are
// administrators, and returns their employer.
func (c *trio) employ(ctx context.Context, n int) (*workforce, error) {
	w := &workforce{records: make([]string, n)}
	for i := range n {
		name := fmt.Sprintf("leaver-%d", i)
		w.people = append(w.people, demo.FactPerson{Username: name, Password: rand.Text(), Email: name + "@works.example", Subject: "works-" + name})
	}
	if err := c.connect(ctx, w); err != nil {
		return nil, err
	}
	failed := make([]error, n)
	c.each(n, func(i int) {
		var made struct{ ID string }
		failed[i] = w.push(ctx, c.c, http.MethodPost, "/Users", w.user(i, true)).decode(&made)
		w.records[i] = made.ID
	})
	for _, err := range failed {
		if err != nil {
			return nil, fmt.Errorf("push a person: %w", err)
		}
	}
	for name, meaning := range map[string]string{"Everybody": "all-employees", "Accounting": "finance", "Administrators": "marketplace-admins"} {
		var made struct{ ID string }
		body := `{` + groupSchema + `,"displayName":"` + name + `","members":[{"value":"` + strings.Join(w.records, `"},{"value":"`) + `"}]}`
		if err := w.push(ctx, c.c, http.MethodPost, "/Groups", body).decode(&made); err != nil {
			return nil, fmt.Errorf("push a group: %w", err)
		}
		if got := c.c.manage(ctx, http.MethodPut, "/mappings/"+works+"/"+made.ID, []byte(`{"name":"`+meaning+`"}`)); !got.ok() {
			return nil, fmt.Errorf("name a group: %s", got)
		}
		if meaning == "all-employees" {
			w.using = made.ID
		}
	}
	return w, nil
}

// connect starts the identity provider and makes the connection to it, with a SCIM token.
func (c *trio) connect(ctx context.Context, w *workforce) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("identity provider: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("identity provider: %w", err)
	}
	issuer, secret := "http://"+l.Addr().String(), rand.Text()
	provider, err := idp.New(idp.Options{
		Issuer: issuer, Title: "Works", Client: "gatehouse", Secret: secret, RedirectURI: c.s.Issuer() + "/login/callback/" + works, Key: key, People: w.staff, Now: time.Now,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	provider.Mount(mux)
	c.s.serve(l, mux)
	settings, err := json.Marshal(map[string]any{
		"id": works, "title": "Works", "type": "oidc", "issuer": issuer, "client_id": "gatehouse", "client_secret": secret,
		"domains": []string{"works.example"}, "scopes": []string{"openid", "profile", "email"},
		"scim": map[string]any{"provisioning": "scim", "admins": true, "guard": map[string]int{"share": 100}}, // all of them leave
	})
	if err != nil {
		return fmt.Errorf("connection: %w", err)
	}
	if got := c.c.manage(ctx, http.MethodPut, "/connections/"+works, settings); !got.ok() {
		return fmt.Errorf("connection: %s", got)
	}
	var made struct{ Secret string }
	if err := c.c.manage(ctx, http.MethodPost, "/connections/"+works+"/scim/tokens", []byte(`{"name":"works"}`)).decode(&made); err != nil {
		return fmt.Errorf("SCIM token: %w", err)
	}
	w.token = made.Secret
	pause(ctx, c.s.settle) // every replica knows the connection
	return nil
}

// serve serves until the play is over.
func (s *stage) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	s.Cleanup(func() { _ = server.Close() })
}

// staff is everybody as the identity provider knows them.
func (w *workforce) staff() []idp.Person {
	all := make([]idp.Person, len(w.people))
	for i, p := range w.people {
		all[i] = idp.Person{Subject: p.Subject, Username: p.Username, Password: p.Password, Name: p.Username, Email: p.Email}
	}
	return all
}

// user is a person as SCIM says them.
func (w *workforce) user(i int, active bool) string {
	p := w.people[i]
	return fmt.Sprintf(`{%s,"userName":%q,"externalId":%q,"displayName":%q,"emails":[{"value":%q,"primary":true}],"active":%t}`, userSchema, p.Username, p.Subject, p.Username, p.Email, active)
}

// push sends a SCIM request to a replica.
func (w *workforce) push(ctx context.Context, at *client, method, path, body string) reply {
	req, err := http.NewRequestWithContext(ctx, method, at.issuer+"/scim/v2/"+works+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/scim+json")
	return send(at.web, req)
}

// departure is a way in which an identity provider says that somebody is out.
type departure struct {
	name string
	// leaves says that the person is out of everything, and not of one app alone.
	leaves, deletes bool
	request         func(w *workforce, i int) (method, path, body string)
}

// departures are those of Okta and Entra.
func departures() []departure {
	patch := func(op string) string { return `{` + patchSchema + `,"Operations":[` + op + `]}` }
	user := func(op string) func(*workforce, int) (method, path, body string) {
		return func(w *workforce, i int) (method, path, body string) {
			return http.MethodPatch, "/Users/" + w.records[i], patch(op)
		}
	}
	return []departure{
		{name: "active: false, as Okta says it", leaves: true, request: user(`{"op":"replace","value":{"active":false}}`)},
		{name: "active: False, as Entra says it", leaves: true, request: user(`{"op":"Replace","path":"active","value":"False"}`)},
		{name: "DELETE", leaves: true, deletes: true, request: func(w *workforce, i int) (method, path, body string) {
			return http.MethodDelete, "/Users/" + w.records[i], ""
		}},
		{name: "PUT with active: false", leaves: true, request: func(w *workforce, i int) (method, path, body string) {
			return http.MethodPut, "/Users/" + w.records[i], w.user(i, false)
		}},
		{name: "removed from a group, as Okta says it", request: func(w *workforce, i int) (method, path, body string) {
			return http.MethodPatch, "/Groups/" + w.using, patch(`{"op":"remove","path":"members[value eq \"` + w.records[i] + `\"]"}`)
		}},
		{name: "removed from a group, as Entra says it", request: func(w *workforce, i int) (method, path, body string) {
			return http.MethodPatch, "/Groups/" + w.using, patch(`{"op":"Remove","path":"members","value":[{"value":"` + w.records[i] + `"}]}`)
		}},
	}
}

// out asks whether the SCIM resource says that a person is out.
func (w *workforce) out(ctx context.Context, at *client, i int, how departure) (bool, error) {
	got := w.push(ctx, at, http.MethodGet, "/Users/"+w.records[i], "")
	if how.deletes && got.status == http.StatusNotFound {
		return true, nil
	}
	var u struct {
		Active bool
		Groups []struct{ Value string }
	}
	if err := got.decode(&u); err != nil {
		return false, fmt.Errorf("read the record: %w", err)
	}
	if how.leaves {
		return !u.Active, nil
	}
	for _, g := range u.Groups {
		if g.Value == w.using {
			return false, nil
		}
	}
	return true, nil
}
