package sample

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// Caller is an app that calls an API in the name of whoever is signed in to it: it
// exchanges their access token for one of the API (RFC 8693). Further route: /call.
type Caller struct {
	*App
	audience, scope, api string
}

// NewCaller returns an app that asks for scope at audience, and calls api with it.
func NewCaller(o Options, audience, scope, api string) *Caller {
	return &Caller{App: New(o), audience: audience, scope: scope, api: api}
}

// Mount adds the app's routes.
func (c *Caller) Mount(mux *http.ServeMux) {
	c.calls = true
	c.App.Mount(mux)
	mux.HandleFunc("POST /call", func(w http.ResponseWriter, r *http.Request) {
		who, ok := c.visitor(r)
		if !ok {
			c.render(w, http.StatusForbidden, view{Problem: "Nobody is signed in."})
			return
		}
		result, err := c.call(r.Context(), who)
		if err != nil {
			c.fail(w, http.StatusBadGateway, err)
			return
		}
		c.render(w, http.StatusOK, view{Visitor: &who, Result: result})
	})
}

// call asks the API in the name of a visitor.
func (c *Caller) call(ctx context.Context, who visitor) (string, error) {
	token, err := c.exchangeFor(ctx, who.token.AccessToken)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api, nil)
	if err != nil {
		return "", fmt.Errorf("call the API: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("call the API: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the API's answer: %w", err)
	}
	return res.Status + "\n" + string(body), nil
}

// exchangeFor returns a token of the API for the person whose access token it is.
func (c *Caller) exchangeFor(ctx context.Context, access string) (string, error) {
	const kind = "urn:ietf:params:oauth:token-type:access_token"
	form := url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {access}, "subject_token_type": {kind}, "audience": {c.audience}, "scope": {c.scope},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("exchange the token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.o.ClientID), url.QueryEscape(c.o.Secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("exchange the token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token       string `json:"access_token"`
		Type        string `json:"issued_token_type"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer)
	switch {
	case err != nil:
		return "", fmt.Errorf("exchange the token: %w", err)
	case res.StatusCode != http.StatusOK:
		return "", &oauth2.RetrieveError{Response: res, ErrorCode: answer.Error, ErrorDescription: answer.Description}
	case answer.Type != kind:
		return "", errors.New("the exchange brought another type of token")
	}
	return answer.Token, nil
}
