package sample

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed chain.html
var chainHTML string

var chainPage = template.Must(template.Must(page.Clone()).New("chain").Parse(chainHTML))

// chain is a line of exchanged tokens that a visitor began.
type chain struct {
	token         string // the app's own for the first API
	first, second Hop
	cut           []cut // after the visitor cut it
}

// cut is how an API took it that the chain was cut.
type cut struct {
	API     string
	Status  int           // what it answered last
	Refused bool          // that it was a refusal
	After   time.Duration // since the broker had confirmed the revocation
}

// Took is After in whole milliseconds, rounded up.
func (c cut) Took() int64 { return (c.After + time.Millisecond).Milliseconds() }

// chainView is what the page of the chain shows.
type chainView struct {
	App     Options
	Visitor *visitor
	Problem string
	// Scope is that of the sign-in.
	Scope string
	Hops  []hopView
	Cut   []cut
	// Account is the broker's own page of what apps hold in the visitor's name.
	Account string
}

// hopView is a token of the chain.
type hopView struct {
	ID     string // of the elements that tell of it
	Holder string
	Hop
	Status int // what the API says to it now; 0 for the sign-in's
}

// Good reports whether the API takes the token.
func (h hopView) Good() bool { return h.Status == http.StatusOK }

// Acting says who acts for whom.
func (h hopView) Acting() string { return strings.Join(h.Actors, ", for ") }

// mountChain adds the routes of the chain: /chain shows it, and begins and cuts it.
func (c *Caller) mountChain(mux *http.ServeMux) {
	signedIn := func(serve func(http.ResponseWriter, *http.Request, visitor)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			who, ok := c.visitor(r)
			if !ok {
				c.render(w, http.StatusForbidden, view{Problem: "Nobody is signed in."})
				return
			}
			serve(w, r, who)
		}
	}
	mux.HandleFunc("GET /chain", signedIn(func(w http.ResponseWriter, r *http.Request, who visitor) { c.showChain(w, r, who, nil) }))
	mux.HandleFunc("POST /chain", signedIn(c.beginChain))
	mux.HandleFunc("POST /chain/cut", signedIn(c.cutChain))
}

func (c *Caller) beginChain(w http.ResponseWriter, r *http.Request, who visitor) {
	begun, err := c.chain(r.Context(), who)
	if err != nil {
		c.showChain(w, r, who, err)
		return
	}
	who.chain = begun
	c.remember(r, who)
	http.Redirect(w, r, c.o.BaseURL+"/chain", http.StatusSeeOther)
}

// chain has the API call the one behind it.
func (c *Caller) chain(ctx context.Context, who visitor) (*chain, error) {
	token, err := c.o.swap(ctx, who.token.AccessToken, c.to)
	if err != nil {
		return nil, err
	}
	status, body, err := ask(ctx, c.bill, token)
	if err != nil {
		return nil, err
	}
	var said statement
	if err := json.Unmarshal(body, &said); err != nil || status != http.StatusOK || said.Behind == nil {
		return nil, fmt.Errorf("%s answers %d: %s", c.to.Audience, status, body)
	}
	return &chain{token: token, first: said.Called, second: said.Behind.Called}, nil
}

// statuses asks both APIs what they say to their tokens now.
func (c *Caller) statuses(ctx context.Context, ch *chain) (first, second int, err error) {
	first, _, err = ask(ctx, c.bill, ch.token)
	if err != nil {
		return 0, 0, err
	}
	_, body, err := ask(ctx, c.held+ch.first.ID, "")
	if err != nil {
		return 0, 0, err
	}
	var said struct{ Status int }
	if json.Unmarshal(body, &said) != nil { // it holds nothing any more
		said.Status = http.StatusUnauthorized
	}
	return first, said.Status, nil
}

// The page waits for refusals for cutPatience at most, and asks every cutEvery.
const (
	cutPatience = 5 * time.Second
	cutEvery    = 20 * time.Millisecond
)

// cutChain has the broker revoke the app's own token, and tells when each API refused.
func (c *Caller) cutChain(w http.ResponseWriter, r *http.Request, who visitor) {
	if who.chain == nil {
		c.showChain(w, r, who, errors.New("there is no chain to cut"))
		return
	}
	if err := c.o.give(r.Context(), who.chain.token); err != nil {
		c.showChain(w, r, who, err)
		return
	}
	done := *who.chain
	var err error
	if done.cut, err = c.watch(r.Context(), who.chain); err != nil {
		c.showChain(w, r, who, err)
		return
	}
	who.chain = &done
	c.remember(r, who)
	http.Redirect(w, r, c.o.BaseURL+"/chain", http.StatusSeeOther)
}

// watch asks both APIs until they refuse.
func (c *Caller) watch(ctx context.Context, ch *chain) ([]cut, error) {
	both := []cut{{API: ch.first.Audience}, {API: ch.second.Audience}}
	began, tick := c.o.Now(), time.NewTicker(cutEvery)
	defer tick.Stop()
	for {
		first, second, err := c.statuses(ctx, ch)
		if err != nil {
			return nil, err
		}
		after := c.o.Now().Sub(began)
		for i, status := range []int{first, second} {
			if !both[i].Refused {
				both[i].Status, both[i].Refused, both[i].After = status, status == http.StatusUnauthorized, after
			}
		}
		if both[0].Refused && both[1].Refused || after > cutPatience {
			return both, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// showChain renders the page, with what the APIs say at this moment.
func (c *Caller) showChain(w http.ResponseWriter, r *http.Request, who visitor, problem error) {
	v, status := chainView{App: c.o, Visitor: &who, Account: c.o.Issuer + "/account#exchanges-title"}, http.StatusOK
	v.Scope, _ = who.token.Extra("scope").(string)
	if ch := who.chain; ch != nil && problem == nil {
		first, second, err := c.statuses(r.Context(), ch)
		problem = err
		v.Cut = ch.cut
		v.Hops = []hopView{{"payroll", c.o.Title, ch.first, first}, {"ledger", ch.first.Audience, ch.second, second}}
	}
	if problem != nil {
		v.Problem, status = explain(problem), http.StatusBadGateway
	}
	write(w, status, chainPage, v)
}
