package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
	"github.com/gatehouse-io/gatehouse/internal/demo/staff"
)

// scimTokenName is by what the demo knows its own tokens among those of a connection.
const scimTokenName = "demo"

// provision tells which connections take SCIM, each with a token that is made at the
// first start and kept. One where an administrator has it so that there can be none is left
// out: it was taken away, is disabled, is without SCIM, or has two tokens already.
func (d *Demo) provision(ctx context.Context, broker *management) error {
	d.facts.SCIM = []FactSCIM{}
	for _, id := range pushed() {
		have := d.state.SCIMTokens[id]
		token, err := broker.scimToken(ctx, id, d.o.Now(), have)
		switch {
		case errors.Is(err, errMissing), errors.Is(err, errDenied):
			continue
		case err != nil:
			return err
		}
		d.facts.SCIM = append(d.facts.SCIM, FactSCIM{Connection: id, BaseURL: d.issuer + "/scim/v2/" + id, Token: token.Secret})
		if token == have {
			continue
		}
		d.state.SCIMTokens[id] = token
		if err := d.state.save(); err != nil {
			return err
		}
	}
	return nil
}

// pushWithin bounds how long the demo waits for the broker to take Acme's people.
const pushWithin = 30 * time.Second

// told are the groups of sign-ins that have a name from the configuration. Those that are
// pushed get theirs once the broker has an id for them.
func (d *Demo) told() []string {
	if d.o.Unpushed {
		return mapped()
	}
	return nil
}

// adopts reports whether Acme may push people who have a role, which the broker refuses
// otherwise: it may for the one run on data in which they came by signing in, until the
// broker has their records.
func (d *Demo) adopts() bool {
	return d.state.used && !d.o.Unpushed && slices.ContainsFunc(d.roster.People(), func(p idp.Person) bool { return !p.Left && p.Record == "" })
}

// push has Acme tell the broker over SCIM who works there, now and whenever that changes,
// and gives the groups their names. Where an administrator has it so that Acme has no
// token, or its connection takes nothing, people come by signing in.
func (d *Demo) push(ctx context.Context, broker *management) error {
	acme := slices.IndexFunc(d.facts.SCIM, func(s FactSCIM) bool { return s.Connection == "acme" })
	if d.o.Unpushed || acme < 0 {
		return nil
	}
	p := staff.NewPusher(staff.Options{
		BaseURL: d.facts.SCIM[acme].BaseURL, Token: d.facts.SCIM[acme].Token, Roster: d.roster, Groups: acmeGroups(),
		Client: &http.Client{Timeout: pushWithin}, Now: d.o.Now,
	})
	if _, err := p.Push(ctx); err != nil {
		return fmt.Errorf("push Acme's people: %w", err)
	}
	d.pusher = p
	d.people.Tell(p)
	return d.nameGroups(ctx, broker, p.Groups())
}

// nameGroups gives the groups that were pushed their names, once: whatever an
// administrator makes of it later stays so.
func (d *Demo) nameGroups(ctx context.Context, broker *management, records map[string]string) error {
	for _, name := range mapped() {
		id := records[name]
		if id == "" || d.state.Named[name] == id {
			continue
		}
		body, err := json.Marshal(map[string]string{"name": name})
		if err == nil {
			_, err = broker.call(ctx, http.MethodPut, "/api/v1/mappings/acme/"+url.PathEscape(id), "application/json", body)
		}
		if err != nil {
			return fmt.Errorf("name of the group %s: %w", name, err)
		}
		d.state.Named[name] = id
		if err := d.state.save(); err != nil {
			return err
		}
	}
	return nil
}

// scimToken makes a token of the connection, unless the one that there is goes on being
// good for a day.
func (m *management) scimToken(ctx context.Context, connection string, now time.Time, have apiToken) (apiToken, error) {
	path := "/api/v1/connections/" + url.PathEscape(connection) + "/scim/tokens"
	text, err := m.call(ctx, http.MethodGet, path, "", nil)
	var there struct{ Items []scimToken }
	if err == nil {
		err = json.Unmarshal(text, &there)
	}
	if err != nil {
		return apiToken{}, err
	}
	if slices.ContainsFunc(there.Items, func(t scimToken) bool { return t.ID == have.ID && now.AddDate(0, 0, 1).Before(t.Expires) }) {
		return have, nil
	}
	// A connection has two tokens at most: those of the demo whose secrets are lost go.
	for _, t := range there.Items {
		if t.Name != scimTokenName {
			continue
		}
		if _, err := m.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(t.ID), "", nil); err != nil && !errors.Is(err, errMissing) {
			return apiToken{}, err
		}
	}
	text, err = m.call(ctx, http.MethodPost, path, "application/json", []byte(`{"name":"`+scimTokenName+`","days":366}`))
	var made apiToken
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	return made, err
}

// scimToken is a token of a connection as the API lists it.
type scimToken struct {
	ID, Name string
	Expires  time.Time
}
