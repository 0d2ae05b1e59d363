// Package client asks a running broker's management API, over the Unix socket of
// the local one or over the network with an API token, and prints what it answers.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// MaxAnswer bounds what is read of an answer that is no export, in bytes.
const MaxAnswer = 64 << 20

// Client asks one broker.
type Client struct {
	http         *http.Client
	base, where  string
	token        string
	local        bool
	exportClient *http.Client
}

// Options say where the broker is.
type Options struct {
	// Socket is the Unix socket of the local broker. It is used without a Server.
	Socket string
	// Server is the issuer of a broker on the network: https, or http on loopback.
	Server string
	// Token is the API token for it; TokenFile has it instead.
	Token, TokenFile string
}

// New returns a Client. It fails for a token that would go over the network in the
// clear, and without one where one is needed.
func New(o Options) (*Client, error) {
	if o.Server == "" {
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", o.Socket)
		}}
		return &Client{
			http: &http.Client{Timeout: time.Minute, Transport: transport}, exportClient: &http.Client{Transport: transport},
			base: "http://broker/api/v1", where: o.Socket, local: true,
		}, nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, usage("--server is the issuer of a broker: https, or http on this machine, such as https://login.example.com")
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	return &Client{
		http: &http.Client{Timeout: time.Minute}, exportClient: &http.Client{},
		base: strings.TrimSuffix(o.Server, "/") + "/api/v1", where: o.Server, token: token,
	}, nil
}

func (o Options) token() (string, error) {
	token := o.Token
	if o.TokenFile != "" {
		raw, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return "", usage("--token-file: " + err.Error())
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", usage("a broker on the network asks for an API token: set GATEHOUSE_TOKEN, or name a file by --token-file")
	}
	return token, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Request is what is asked.
type Request struct {
	Method, Path string
	Query        url.Values
	Media        string
	Body         []byte
}

// Do asks and returns the answer, with 202 for a change that waits for a second
// person. It fails with an *Error.
func (c *Client) Do(ctx context.Context, r Request) (status int, answer []byte, err error) {
	res, err := c.send(ctx, c.http, r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	if err != nil {
		return 0, nil, c.lost(err)
	}
	return res.StatusCode, answer, refused(res, answer)
}

// Stream copies an export, however long it takes.
func (c *Client) Stream(ctx context.Context, r Request, to io.Writer) error {
	res, err := c.send(ctx, c.exportClient, r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		answer, _ := io.ReadAll(io.LimitReader(res.Body, MaxAnswer)) // what there is of it
		return refused(res, answer)
	}
	if _, err := io.Copy(to, res.Body); err != nil {
		return &Error{Exit: Failure, Text: "the export ended early, what there is is not the whole: " + err.Error()}
	}
	return nil
}

func (c *Client) send(ctx context.Context, with *http.Client, r Request) (*http.Response, error) {
	target := c.base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	if r.Media != "" {
		req.Header.Set("Content-Type", r.Media)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if r.Method == http.MethodPost {
		// Whatever happens on the way, it is done once.
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	res, err := with.Do(req)
	if err != nil {
		return nil, c.lost(err)
	}
	return res, nil
}

// lost is the failure to reach the broker.
func (c *Client) lost(err error) error {
	how := "is it running, and is this its issuer?"
	if c.local {
		how = "is it running? --socket names another socket, --server a broker on the network"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is told as where
	}
	return &Error{Exit: Unavailable, Text: fmt.Sprintf("the broker does not answer at %s; %s: %v", c.where, how, err)}
}
