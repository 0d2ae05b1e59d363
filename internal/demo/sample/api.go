package sample

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

// The routes of an API: what it is for; where it calls the API behind it, in the name of
// whoever called; and, for the demo alone, what that one says to the token that it holds.
const (
	salariesPath = "/salaries"
	entriesPath  = "/entries"
	billPath     = "/bill"
	heldPath     = "/held/"
)

// API is a resource server on package verify: it checks tokens by itself, and follows what
// the broker says was revoked. Routes: /, /salaries and /entries; and with an API behind
// it, /bill and /held/{id}.
type API struct {
	o      Options
	scope  string
	tokens *verify.Verifier
	behind Target // zero for none
	inbox  *inbox // nil for an API that does not listen to signals

	mu   sync.Mutex
	held map[string]holding // by the id of the token that it came with
}

// holding is a token for the API behind.
type holding struct {
	token   string
	expires time.Time
}

// NewAPI returns an API that wants tokens for audience with scope, and calls the one
// behind it. Its tokens are verified once Follow runs.
func NewAPI(o Options, audience, scope string, behind Target) *API {
	return &API{
		o: o, scope: scope, behind: behind, held: map[string]holding{},
		tokens: &verify.Verifier{Issuer: o.Issuer, Audience: audience, Client: verify.ClientSecretBasic(o.ClientID, o.Secret), Now: o.Now},
	}
}

// Listening has the API listen to signals, and show them on its page. Call it before
// Follow and Mount.
func (p *API) Listening() *API {
	p.inbox = newInbox(p.o)
	return p
}

// Follow keeps asking the broker what was revoked, until ctx ends.
func (p *API) Follow(ctx context.Context) {
	if p.inbox != nil {
		p.inbox.listen(ctx)
	}
	_ = p.tokens.Follow(ctx) // why ctx ended
}

// Ready fails while the API would refuse every token, or not hear of anything.
func (p *API) Ready(ctx context.Context) error {
	if p.inbox != nil {
		if err := p.inbox.ready(); err != nil {
			return err
		}
	}
	return p.tokens.Ready(ctx)
}

// Mount adds the API's routes.
func (p *API) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.home)
	if p.inbox != nil {
		mux.HandleFunc("POST "+signalsPath, p.inbox.take)
	}
	guarded := func(serve http.HandlerFunc) http.Handler {
		return p.tokens.Handler(verify.Requirement{Scopes: []string{p.scope}}, serve)
	}
	mux.Handle("GET "+salariesPath, guarded(p.salaries))
	mux.Handle("GET "+entriesPath, guarded(p.entries))
	if p.behind.URL != "" {
		mux.Handle("GET "+billPath, guarded(p.bill))
		mux.HandleFunc("GET "+heldPath+"{id}", p.holds)
	}
}

func (p *API) home(w http.ResponseWriter, _ *http.Request) {
	v := view{App: p.o}
	if p.inbox != nil {
		v.Listens, v.Signals = true, p.inbox.newest()
	}
	render(w, http.StatusOK, v)
}

func (p *API) salaries(w http.ResponseWriter, r *http.Request) {
	c, _ := verify.FromContext(r.Context())
	answer := map[string]any{"for": c.Client, "acting": "", "person": "", "headcount": 412, "currency": "EUR"}
	if len(c.Actors) > 0 {
		answer["acting"] = c.Actors[0]
	}
	if c.Person() {
		answer["person"] = c.Subject
	}
	writeJSON(w, http.StatusOK, answer)
}

// Hop is a token of a chain, as the API saw it that it is for.
type Hop struct {
	ID       string    `json:"id"`
	Audience string    `json:"audience"`
	Scopes   []string  `json:"scopes"`
	Subject  string    `json:"subject"`
	Client   string    `json:"client"`
	Actors   []string  `json:"actors"`
	Expires  time.Time `json:"expires"`
}

// statement is what an API answers on a chain: how it was called, and how the one behind
// it was, and answered.
type statement struct {
	Called Hop        `json:"called"`
	Behind *statement `json:"behind,omitempty"`
	Status int        `json:"status,omitempty"`
}

func called(r *http.Request) statement {
	c, _ := verify.FromContext(r.Context())
	return statement{Called: Hop{ID: c.ID, Audience: c.Audience, Scopes: c.Scopes, Subject: c.Subject, Client: c.Client, Actors: c.Actors, Expires: c.Expires}}
}

func (p *API) entries(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, called(r))
}

// bill calls the API behind in the name of whoever called, with one token for as long as
// it lives.
func (p *API) bill(w http.ResponseWriter, r *http.Request) {
	raw := strings.TrimSpace(r.Header.Get("Authorization")[len("Bearer "):]) // verified a moment ago
	said := called(r)
	token, err := p.hold(r.Context(), said.Called.ID, raw)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	status, body, err := ask(r.Context(), p.behind.URL+entriesPath, token)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	said.Status, said.Behind = status, &statement{}
	if status != http.StatusOK || json.Unmarshal(body, said.Behind) != nil {
		said.Behind = nil
	}
	writeJSON(w, http.StatusOK, said)
}

// hold returns the token for the API behind that came of the one with this id.
func (p *API) hold(ctx context.Context, id, raw string) (string, error) {
	now := p.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, h := range p.held {
		if !now.Before(h.expires) {
			delete(p.held, other)
		}
	}
	if h, ok := p.held[id]; ok {
		return h.token, nil
	}
	token, err := p.o.swap(ctx, raw, p.behind)
	if err == nil {
		p.held[id] = holding{token, now.Add(holdFor)}
	}
	return token, err
}

// holdFor is how long the token for the API behind is held on to: a little longer than it
// lives, so that the page of the chain can show its end.
const holdFor = 3 * time.Minute

// holds tells what the API behind says now to a token that is held. It takes no token:
// the id of the one that it came with cannot be guessed, and nothing is told but a status.
func (p *API) holds(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	h, ok := p.held[r.PathValue("id")]
	p.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	status, _, err := ask(r.Context(), p.behind.URL+entriesPath, h.token)
	if err != nil {
		status = http.StatusBadGateway
	}
	writeJSON(w, http.StatusOK, map[string]int{"status": status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer may have gone
}
