package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answerLimit is how long a broker may take to answer, whatever happens to it.
const answerLimit = 15 * time.Second

// client talks to a broker as apps, browsers and operators do.
type client struct {
	issuer string
	web    *http.Client // follows no redirect
	socket *http.Client
	token  string // an API token to manage with over the network; empty for the socket
}

func newClient(issuer, socket string, connections int) *client {
	return &client{
		issuer: issuer,
		web: &http.Client{
			Timeout: answerLimit, Transport: &http.Transport{MaxIdleConnsPerHost: connections},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		socket: &http.Client{Timeout: answerLimit, Transport: &http.Transport{
			MaxIdleConnsPerHost: connections,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		}},
	}
}

// reply is an answer, or that none came.
type reply struct {
	err    error // no answer
	status int
	header http.Header
	body   []byte
}

func (r reply) ok() bool { return r.err == nil && r.status/100 == 2 }

// paused reports the documented answer of a broker that lacks something: 503 with
// a Retry-After.
func (r reply) paused() bool {
	return r.err == nil && r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") != ""
}

// code is the error that the answer names, as OAuth or problem+json have it.
func (r reply) code() string {
	var e struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}
	_ = json.Unmarshal(r.body, &e) // a page names none
	return e.Error + e.Code
}

func (r reply) String() string {
	if r.err != nil {
		return r.err.Error()
	}
	return fmt.Sprintf("%d %.200s", r.status, r.body)
}

// decode reads the answer's JSON.
func (r reply) decode(v any) error {
	if r.err != nil {
		return r.err
	}
	if !r.ok() {
		return fmt.Errorf("answered %s", r)
	}
	return json.Unmarshal(r.body, v)
}

func send(c *http.Client, req *http.Request) reply {
	res, err := c.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return reply{err: err, status: res.StatusCode, header: res.Header, body: body}
}

// post sends a form; a user makes it HTTP Basic with the password.
func (c *client) post(ctx context.Context, path string, form url.Values, user, password string) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		req.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	}
	return send(c.web, req)
}

// get asks with a bearer token, a cookie, or neither.
func (c *client) get(ctx context.Context, target, bearer, cookie string) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return reply{err: err}
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	return send(c.web, req)
}

// userinfo asks with an access token.
func (c *client) userinfo(ctx context.Context, access string) reply {
	return c.get(ctx, c.issuer+"/userinfo", access, "")
}

// manage asks the management API as the operator.
func (c *client) manage(ctx context.Context, method, path string, body []byte) reply {
	base, on := "http://broker", c.socket
	if c.token != "" {
		base, on = c.issuer, c.web
	}
	req, err := http.NewRequestWithContext(ctx, method, base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	switch {
	case len(body) == 0:
	case body[0] == '{':
		req.Header.Set("Content-Type", "application/json")
	default:
		req.Header.Set("Content-Type", "application/yaml")
	}
	return send(on, req)
}

// listPage is a page of a list of the management API.
type listPage[T any] struct {
	Items []T
	Next  string
}

// list asks for a page of a list.
func list[T any](ctx context.Context, c *client, path string) (p listPage[T], err error) {
	err = c.manage(ctx, http.MethodGet, path, nil).decode(&p)
	return p, err
}

// forget closes connections that lead to a process that is gone.
func (c *client) forget() {
	c.web.CloseIdleConnections()
	c.socket.CloseIdleConnections()
}

// tokens are what the token endpoint gives.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// jti reads the id of an access token, unverified, and the grant it is of.
func (t tokens) jti() (id, grant string, err error) {
	claims, err := t.claims()
	if err != nil {
		return "", "", err
	}
	id, _ = claims["jti"].(string)
	grant, _ = claims["gnt"].(string)
	return id, grant, nil
}

// claims reads what an access token says, unverified.
func (t tokens) claims() (claims map[string]any, err error) {
	parts := strings.Split(t.Access, ".")
	if len(parts) != 3 {
		return nil, errors.New("the access token is no JWT")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	return claims, err
}
