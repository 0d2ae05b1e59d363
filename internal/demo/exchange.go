package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxExpiry bounds how long the facts wait for a token to expire: it was made to
// live for deniedLife.
const maxExpiry = 2 * time.Second

// expired is a token that expires, or has, and whose it is.
type expired struct {
	Issuer string    `json:"issuer"`
	Token  string    `json:"token"`
	At     time.Time `json:"at"`
}

// exchange tells what the token exchange can be tried with. The token that expires is
// made at the first start and kept.
func (d *Demo) exchange(ctx context.Context) error {
	d.facts.Exchange = FactExchange{
		Client: exchanging, ClientDenied: notExchanging, Audience: payrollAudience, AudienceDenied: deniedAudience,
		Scope: payrollScope, ScopeWider: payrollScopeWider, SubjectClient: exchangedFrom,
	}
	if d.state.Expired.Issuer != d.issuer {
		token, err := d.shortLived(ctx, d.facts.App(exchanging))
		if err != nil {
			return err
		}
		d.state.Expired = expired{Issuer: d.issuer, Token: token, At: d.o.Now().Add(time.Second)}
		if err := d.state.save(); err != nil {
			return err
		}
	}
	d.facts.Exchange.ExpiredToken = d.state.Expired.Token
	return nil
}

// shortLived gets a token of the API whose tokens live for a second.
func (d *Demo) shortLived(ctx context.Context, app FactApp) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {deniedAudience}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("a token that expires: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(app.ClientID), url.QueryEscape(app.Secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("a token that expires: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", fmt.Errorf("a token that expires: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("a token that expires: the broker answers %s", res.Status)
	}
	return answer.Token, nil
}
