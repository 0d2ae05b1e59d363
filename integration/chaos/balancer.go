package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// checkEvery is how often the balancer asks a replica whether it is ready.
const checkEvery = 100 * time.Millisecond

// balancer is what stands before replicas: it asks each whether it is ready, sends
// requests round robin to those that are, and tries another when a replica does
// not even take the connection. It repeats nothing that was sent.
type balancer struct {
	backends []*backend
	next     atomic.Uint64
	requests atomic.Int64
	again    atomic.Int64    // connections that were not taken
	kept     *http.Transport // with its connections
	server   *http.Server
}

type backend struct {
	address string
	ready   atomic.Bool
}

// newBalancer serves on the listener until ctx ends.
func newBalancer(ctx context.Context, l net.Listener, addresses ...string) *balancer {
	b := &balancer{kept: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, a := range addresses {
		b.backends = append(b.backends, &backend{address: a})
	}
	for _, one := range b.backends {
		go one.watch(ctx)
	}
	proxy := &httputil.ReverseProxy{
		Transport: b,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.URL.Scheme, r.Out.URL.Host = "http", r.In.Host
		},
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0) // whoever is refused counts it
	b.server = &http.Server{Handler: proxy, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = b.server.Serve(l) }() // ends with close
	return b
}

func (b *balancer) close() { _ = b.server.Close() }

// watch keeps ready up to date.
func (k *backend) watch(ctx context.Context) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ; ctx.Err() == nil; pause(ctx, checkEvery) {
		res, err := client.Get("http://" + k.address + "/readyz")
		if err == nil {
			_ = res.Body.Close()
		}
		k.ready.Store(err == nil && res.StatusCode == http.StatusOK)
	}
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	b.requests.Add(1)
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	err := errors.New("no replica is ready")
	first := b.next.Add(1)
	for i := range uint64(len(b.backends)) {
		one := b.backends[(first+i)%uint64(len(b.backends))]
		if !one.ready.Load() {
			continue
		}
		out := r.Clone(r.Context())
		out.URL = &url.URL{Scheme: "http", Host: one.address, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		if body != nil {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		var res *http.Response
		if res, err = b.kept.RoundTrip(out); !errors.Is(err, syscall.ECONNREFUSED) {
			return res, err
		}
		b.again.Add(1)
	}
	return nil, err
}
