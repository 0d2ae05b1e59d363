// Package browser is a browser without a screen and without JavaScript: it
// follows redirects, keeps cookies and fills in forms, as a person would who has
// scripts switched off. The demo's own check walks with it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// maxPage bounds what is read of one page, in bytes; maxRedirects how many
// redirects one step may take.
const (
	maxPage      = 1 << 20
	maxRedirects = 20
)

// Browser is one browser with its own cookies. It is not for concurrent use.
type Browser struct {
	client *http.Client
	// Visited lists the URLs of the last step, the final one last.
	Visited []*url.URL
}

// New returns a browser without cookies.
func New() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // never: New only fails for a public suffix list, and there is none
	}
	b := &Browser{}
	b.client = &http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return errors.New("too many redirects")
			}
			b.Visited = append(b.Visited, r.URL)
			return nil
		},
	}
	return b
}

// Page is what the browser shows.
type Page struct {
	Status int
	URL    *url.URL
	Header http.Header
	Body   string
	root   *html.Node
}

// Get opens a URL and follows redirects.
func (b *Browser) Get(ctx context.Context, target string) (*Page, error) {
	return b.do(ctx, http.MethodGet, target, nil, "")
}

// Post sends a form to target as the page from would.
func (b *Browser) Post(ctx context.Context, from *Page, target string, values url.Values) (*Page, error) {
	origin := ""
	if from != nil {
		origin = from.URL.Scheme + "://" + from.URL.Host
	}
	return b.do(ctx, http.MethodPost, target, values, origin)
}

// Submit fills the page's form whose action contains the given text (any form
// for "") and sends it. values replace or add to the fields on the page.
func (b *Browser) Submit(ctx context.Context, p *Page, action string, values url.Values) (*Page, error) {
	f, ok := p.Form(action)
	if !ok {
		return nil, fmt.Errorf("%s has no form to %q: %s", p.URL.Redacted(), action, p.Text())
	}
	for name, v := range values {
		f.Values[name] = v
	}
	if f.Method == http.MethodPost {
		return b.Post(ctx, p, f.Action.String(), f.Values)
	}
	target := *f.Action
	target.RawQuery = f.Values.Encode()
	return b.Get(ctx, target.String())
}

func (b *Browser) do(ctx context.Context, method, target string, form url.Values, origin string) (*Page, error) {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", target, err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	req.Header.Set("User-Agent", "Gatehouse demo check")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
	}
	b.Visited = []*url.URL{req.URL}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", req.URL.Redacted(), err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", req.URL.Redacted(), err)
	}
	root, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", req.URL.Redacted(), err)
	}
	return &Page{Status: res.StatusCode, URL: res.Request.URL, Header: res.Header, Body: string(text), root: root}, nil
}

// CookieHeader returns what the browser would send to target as its Cookie header.
func (b *Browser) CookieHeader(target *url.URL) string {
	cookies := b.client.Jar.Cookies(target)
	pairs := make([]string, len(cookies))
	for i, c := range cookies {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}
