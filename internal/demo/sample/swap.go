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

// kindAccess is the type of an access token (RFC 8693, section 3).
const kindAccess = "urn:ietf:params:oauth:token-type:access_token"

// Target is an API that an app exchanges tokens for, the scope that it asks for, and what
// for, which the broker shows to the person.
type Target struct{ Audience, Scope, URL, Purpose string }

// post sends a form to the broker as the app, which has client_secret_basic.
func (o Options) post(ctx context.Context, path string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(o.ClientID), url.QueryEscape(o.Secret))
	return http.DefaultClient.Do(req)
}

// swap returns a token of the target for the person whose access token it is (RFC 8693).
func (o Options) swap(ctx context.Context, access string, to Target) (string, error) {
	res, err := o.post(ctx, "/token", url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {access}, "subject_token_type": {kindAccess}, "audience": {to.Audience}, "scope": {to.Scope}, "purpose": {to.Purpose},
	})
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
	case answer.Type != kindAccess:
		return "", errors.New("the exchange brought another type of token")
	}
	return answer.Token, nil
}

// give has the broker end a token, and what was exchanged for it (RFC 7009).
func (o Options) give(ctx context.Context, token string) error {
	res, err := o.post(ctx, "/revoke", url.Values{"token": {token}})
	if err != nil {
		return fmt.Errorf("revoke the token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke the token: the broker answers %s", res.Status)
	}
	return nil
}

// ask calls an API with a token, and returns its status and what it says.
func ask(ctx context.Context, api, token string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("call the API: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("call the API: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return 0, nil, fmt.Errorf("read the API's answer: %w", err)
	}
	return res.StatusCode, body, nil
}
