package sample

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

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
