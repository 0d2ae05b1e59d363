package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
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
