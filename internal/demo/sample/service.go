package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2/clientcredentials"
)

// maxAnswer bounds what an app reads of another's answer, in bytes.
const maxAnswer = 64 << 10

// Report is an app without people: a job that gets a token of its own
// (client_credentials) and calls an API with it. Routes: / and /run.
type Report struct {
	o        Options
	audience string
	api      string
	scope    string
}

// NewReport returns a job that asks for scope at audience, and calls api with it.
func NewReport(o Options, audience, scope, api string) *Report {
	return &Report{o: o, audience: audience, scope: scope, api: api}
}

// Mount adds the job's routes.
func (p *Report) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, http.StatusOK, view{App: p.o, Run: true}) })
	mux.HandleFunc("POST /run", func(w http.ResponseWriter, r *http.Request) {
		result, err := p.run(r.Context())
		if err != nil {
			render(w, http.StatusBadGateway, view{App: p.o, Run: true, Problem: err.Error()})
			return
		}
		render(w, http.StatusOK, view{App: p.o, Run: true, Result: result})
	})
}

func (p *Report) run(ctx context.Context) (string, error) {
	c := clientcredentials.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.Secret, TokenURL: p.o.Issuer + "/token", Scopes: []string{p.scope},
		EndpointParams: url.Values{"resource": {p.audience}},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api, nil)
	if err != nil {
		return "", fmt.Errorf("call the API: %w", err)
	}
	res, err := c.Client(ctx).Do(req)
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

// API is a resource server: it asks the broker about every token it is given
// (RFC 7662). Routes: / and /salaries.
type API struct {
	o        Options
	audience string
	scope    string
}

// NewAPI returns an API that wants tokens for audience with scope.
func NewAPI(o Options, audience, scope string) *API {
	return &API{o: o, audience: audience, scope: scope}
}

// Mount adds the API's routes.
func (p *API) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, http.StatusOK, view{App: p.o}) })
	mux.HandleFunc("GET /salaries", p.salaries)
}

func (p *API) salaries(w http.ResponseWriter, r *http.Request) {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "a token is needed", http.StatusUnauthorized)
		return
	}
	info, err := p.introspect(r.Context(), raw)
	switch {
	case err != nil:
		http.Error(w, "the broker does not answer", http.StatusServiceUnavailable)
	case !info.Active || info.Audience != p.audience:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		http.Error(w, "the token is not good here", http.StatusUnauthorized)
	case !strings.Contains(" "+info.Scope+" ", " "+p.scope+" "):
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+p.scope+`"`)
		http.Error(w, "the token lacks "+p.scope, http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"for": info.Client, "acting": info.Act.Subject, "person": info.person(), "headcount": 412, "currency": "EUR"}) // the peer may have gone
	}
}

// introspection is what the API reads of the broker's answer.
type introspection struct {
	Active   bool   `json:"active"`
	Audience string `json:"aud"`
	Scope    string `json:"scope"`
	Client   string `json:"client_id"`
	Subject  string `json:"sub"`
	// Act is who calls in the name of Subject (RFC 8693, section 4.1).
	Act struct {
		Subject string `json:"sub"`
	} `json:"act"`
}

// person is whom the token speaks of, nobody for a client's own.
func (i introspection) person() string {
	if i.Subject == i.Client {
		return ""
	}
	return i.Subject
}

func (p *API) introspect(ctx context.Context, raw string) (introspection, error) {
	form := url.Values{"token": {raw}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.o.Issuer+"/introspect", strings.NewReader(form.Encode()))
	if err != nil {
		return introspection{}, fmt.Errorf("introspect: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(p.o.ClientID), url.QueryEscape(p.o.Secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return introspection{}, fmt.Errorf("introspect: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return introspection{}, fmt.Errorf("introspect: the broker answers %s", res.Status)
	}
	var info introspection
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&info); err != nil {
		return introspection{}, fmt.Errorf("introspect: %w", err)
	}
	return info, nil
}
