package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/sample"
)

// start serves the app.
func (d *Demo) start(p part, base string) {
	o := sample.Options{
		Name: p.name, Title: p.title, Description: p.description, Issuer: d.issuer, ClientID: p.client, Auth: p.auth,
		Secret: d.state.Secrets[p.name], BaseURL: base, Scopes: p.scopes, Now: d.o.Now,
	}
	if p.auth == "private_key_jwt" {
		o.Key, o.KID = d.state.feedbackKey, d.kid
	}
	var app mounter
	switch p.kind {
	case signIn:
		app = sample.New(o)
		if p.calls != "" {
			app = sample.NewCaller(o, d.target(p))
		}
	case report:
		app = sample.NewReport(o, payrollAudience, payrollScope, d.at(payrollAudience)+"/salaries")
	case api:
		o.Scopes = nil // people do not sign in to it
		served := sample.NewAPI(o, p.name, p.offers[0], d.target(p))
		if slices.Contains(p.scopes, signalsScope) {
			served = served.Listening()
		}
		d.follows.Go(func() { served.Follow(d.running) })
		d.apis = append(d.apis, served)
		app = served
	case wiki:
		app = sample.NewSAML(o, d.state.wiki.key, d.state.wiki.certificate)
	}
	d.serve(d.waiting[p.name], app)
}

// target is the API that the app exchanges tokens for, if it does.
func (d *Demo) target(p part) sample.Target {
	if p.calls == "" {
		return sample.Target{}
	}
	return sample.Target{Audience: p.calls, Scope: p.calling, URL: d.at(p.calls), Purpose: p.purpose}
}

// at is where an app is served.
func (d *Demo) at(name string) string { return "http://" + d.waiting[name].Addr().String() }

// How long the APIs may take to hear from the broker, and how often they are asked.
const (
	readyWithin = 10 * time.Second
	readyEvery  = 5 * time.Millisecond
)

// apisReady waits until every API could accept a token.
func (d *Demo) apisReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, one := range d.apis {
		for err := one.Ready(ctx); err != nil; err = one.Ready(ctx) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("an API of the demo: %w", err)
			case <-time.After(readyEvery):
			}
		}
	}
	return nil
}

// mounter is a party with routes.
type mounter interface{ Mount(*http.ServeMux) }

func (d *Demo) serve(l net.Listener, all ...mounter) {
	mux := http.NewServeMux()
	for _, m := range all {
		m.Mount(mux)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	d.servers = append(d.servers, server)
	go func() { _ = server.Serve(l) }() // ends when Close closes the server
}
