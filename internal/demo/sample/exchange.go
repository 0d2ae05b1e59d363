package sample

import (
	"context"
	"fmt"
	"net/http"
)

// Caller is an app that calls an API in the name of whoever is signed in to it: it
// exchanges their access token for one of the API (RFC 8693). Further routes: /call, and
// the chain's (see chain.go).
type Caller struct {
	*App
	to Target
	// bill is where the API calls another one for us; held is where it tells what that one
	// says to the token that it holds.
	bill, held string
}

// NewCaller returns an app that asks for tokens of the API behind to, whose addresses are
// below its URL.
func NewCaller(o Options, to Target) *Caller {
	return &Caller{App: New(o), to: to, bill: to.URL + billPath, held: to.URL + heldPath}
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
	c.mountChain(mux)
}

// call asks the API in the name of a visitor.
func (c *Caller) call(ctx context.Context, who visitor) (string, error) {
	token, err := c.o.swap(ctx, who.token.AccessToken, c.to)
	if err != nil {
		return "", err
	}
	status, body, err := ask(ctx, c.to.URL+salariesPath, token)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s\n%s", status, http.StatusText(status), body), nil
}
