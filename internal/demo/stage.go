package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
	"github.com/gatehouse-io/gatehouse/internal/demo/partner"
)

// maxAnswer bounds what is read of the broker's answers, in bytes.
const maxAnswer = 1 << 20

func quote(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// stage returns the facts that stand before any app is there.
func (d *Demo) stage(socket string) Facts {
	f := Facts{
		Version: factsVersion, Issuer: d.issuer, Portal: d.issuer + "/", Account: d.issuer + "/account",
		Metrics: d.issuer + "/metrics", DataDir: d.DataDir(), Socket: socket,
	}
	acme := FactIDP{ID: "acme", Protocol: "oidc", Title: acmeTitle, Issuer: d.idp, Domains: []string{"acme.example"}, Staff: d.idp + "/people"}
	for _, p := range d.roster.People() {
		acme.People = append(acme.People, person(p))
	}
	f.IDPs, f.SAMLApps = []FactIDP{acme}, []FactSAMLApp{}
	if !d.o.SAML {
		return f
	}
	sp := d.serviceProvider()
	sp.NameIDFormat = partner.NameIDFormat
	sp.Attributes = map[string][]string{"email": {"email"}, "name": {"name"}, "username": {"username"}, "groups": {"groups"}, "email_verified": {"email_verified"}}
	corp := FactIDP{ID: "partner", Protocol: "saml", Title: "Partner Corp", Issuer: partner.EntityID(d.partner), Domains: []string{"partner.example"}, SAML: &sp}
	for _, p := range d.state.Partners {
		corp.People = append(corp.People, person(p))
	}
	f.IDPs = append(f.IDPs, corp)
	return f
}

// serviceProvider is the broker as Partner Corp knows it, and Partner Corp.
func (d *Demo) serviceProvider() FactSAML {
	base := d.issuer + "/login/saml/partner"
	s := FactSAML{
		SPEntityID: base + "/metadata", ACS: base + "/acs", SPMetadataURL: base + "/metadata",
		IDPEntityID: partner.EntityID(d.partner), IDPSSOURL: partner.SSO(d.partner), IDPMetadataURL: partner.EntityID(d.partner),
		IDPKey: d.state.partner.keyFile, IDPCert: d.state.partner.certFile, Recipient: d.issuer + "/token", ExchangeClient: exchanging,
	}
	if l := d.waiting["expense-bot"]; l != nil {
		s.StartURL = "http://" + l.Addr().String() + "/login?idp=partner"
	}
	return s
}

func person(p idp.Person) FactPerson {
	return FactPerson{Username: p.Username, Password: p.Password, Email: p.Email, Groups: p.Groups, Subject: p.Subject}
}

// fact returns what is told of one app.
func (d *Demo) fact(p part, base string) FactApp {
	a := FactApp{
		Name: p.name, ClientID: p.client, Auth: p.auth, Secret: d.state.Secrets[p.name],
		RedirectURIs: []string{}, PostLogoutRedirectURIs: []string{}, Scopes: []string{},
		GrantTypes: p.grants, URL: base + "/", Groups: p.groups(),
	}
	a.Scopes = append(a.Scopes, p.scopes...)
	if p.kind == signIn {
		a.RedirectURIs = []string{base + "/callback"}
		a.PostLogoutRedirectURIs = []string{base + "/bye"}
	}
	if p.auth == "private_key_jwt" {
		a.PrivateKey, a.KeyID = d.state.feedbackFile, d.kid
	}
	return a
}

// management is a client of the broker's API on its Unix socket.
type management struct{ client *http.Client }

func newManagement(socket string) *management {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &management{client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}},
	}}
}

// apply sends a manifest; the secret is empty unless one was made just now.
func (m *management) apply(ctx context.Context, name string, manifest []byte) (secret string, err error) {
	return m.secretOf(m.call(ctx, http.MethodPut, "/api/v1/apps/"+url.PathEscape(name), "application/yaml", manifest))
}

// newSecret makes another secret for the app's client.
func (m *management) newSecret(ctx context.Context, name string) (string, error) {
	return m.secretOf(m.call(ctx, http.MethodPost, "/api/v1/apps/"+url.PathEscape(name)+"/secret", "", nil))
}

func (*management) secretOf(text []byte, err error) (string, error) {
	var answer struct {
		Secret string `json:"client_secret"`
	}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer.Secret, err
}

// What call fails with when there is no such thing, and when it may not be done as things
// are.
var (
	errMissing = errors.New("the broker does not know it")
	errDenied  = errors.New("the broker denies it")
)

// adminToken makes a token that may do everything, unless the one that there is
// goes on being good for a day.
func (m *management) adminToken(ctx context.Context, now time.Time, have apiToken) (apiToken, error) {
	if have.ID != "" {
		text, err := m.call(ctx, http.MethodGet, "/api/v1/tokens/"+url.PathEscape(have.ID), "", nil)
		var found struct{ Expires time.Time }
		if err == nil {
			err = json.Unmarshal(text, &found)
		}
		if err == nil && now.AddDate(0, 0, 1).Before(found.Expires) {
			return have, nil
		}
		if err != nil && !errors.Is(err, errMissing) {
			return apiToken{}, err
		}
	}
	text, err := m.call(ctx, http.MethodPost, "/api/v1/tokens", "application/json", []byte(`{"name":"demo","roles":["admin"],"days":366}`))
	var made apiToken
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	return made, err
}

func (m *management) call(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://broker"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", path, errMissing)
	case res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusConflict:
		return nil, fmt.Errorf("%s: %w: %s", path, errDenied, text)
	case res.StatusCode >= http.StatusBadRequest:
		return nil, fmt.Errorf("%s: the broker answers %s: %s", path, res.Status, text)
	}
	return text, nil
}
