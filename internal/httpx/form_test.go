package httpx_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

const formType = "application/x-www-form-urlencoded"

func post(t testing.TB, target, contentType, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestAFormIsReadOnceAndStrictly(t *testing.T) {
	good, err := httpx.Form(post(t, "/token?code=url", formType+"; charset=UTF-8", "grant_type=a+b&code=%C3%A9&empty="))
	if err != nil || good.Get("grant_type") != "a b" || good.Get("code") != "é" || !good.Has("empty") {
		t.Errorf("%v %v", good, err)
	}
	get := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?a=b", nil)
	twoTypes := post(t, "/", formType, "a=b")
	twoTypes.Header.Add("Content-Type", "application/json")
	for name, c := range map[string]struct {
		r    *http.Request
		want error
		at   string
	}{
		"a GET":             {get, httpx.ErrMethod, ""},
		"no type":           {post(t, "/", "", "a=b"), httpx.ErrMediaType, ""},
		"JSON":              {post(t, "/", "application/json", "{}"), httpx.ErrMediaType, ""},
		"multipart":         {post(t, "/", "multipart/form-data; boundary=x", "--x--"), httpx.ErrMediaType, ""},
		"another charset":   {post(t, "/", formType+"; charset=utf-16", "a=b"), httpx.ErrMediaType, ""},
		"two types":         {twoTypes, httpx.ErrMediaType, ""},
		"twice":             {post(t, "/", formType, "code=1&code=2"), httpx.ErrRepeated, "code"},
		"twice, encoded":    {post(t, "/", formType, "code=1&%63ode=2"), httpx.ErrRepeated, "code"},
		"bad escape":        {post(t, "/", formType, "code=%zz"), httpx.ErrEncoding, "code"},
		"no UTF-8":          {post(t, "/", formType, "code=%ff"), httpx.ErrEncoding, "code"},
		"NUL":               {post(t, "/", formType, "code=a%00b"), httpx.ErrEncoding, "code"},
		"semicolon":         {post(t, "/", formType, "code=1;code=2"), httpx.ErrEncoding, "code"},
		"a name of scripts": {post(t, "/", formType, "<script>=1&<script>=2"), httpx.ErrRepeated, "script"},
		"too large":         {post(t, "/", formType, "a="+strings.Repeat("a", httpx.MaxForm)), httpx.ErrTooLarge, ""},
	} {
		_, err := httpx.Form(c.r)
		if !errors.Is(err, c.want) || (c.at != "" && fault.As(err).Pointer != c.at) {
			t.Errorf("%s: %v at %q, want %v", name, err, fault.As(err).Pointer, c.want)
		}
	}
	if _, err := httpx.Form(post(t, "/", formType, manyParameters())); fault.As(err).Code != "parameters_too_many" {
		t.Errorf("1000 parameters: %v", err)
	}
	if _, err := httpx.Query(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?a="+strings.Repeat("a", httpx.MaxQuery), nil)); !errors.Is(err, httpx.ErrTooLarge) {
		t.Errorf("a long query: %v", err)
	}
}

func manyParameters() string {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString("p" + strconv.Itoa(i) + "=1&")
	}
	return b.String()
}

func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"a=b&c=d", "a=1&a=2", "%63=1", "a=%zz", "a;b=c", "=&=", "a=\xff", "a+b=%2B", strings.Repeat("&", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.RawQuery = raw
		got, err := httpx.Query(r)
		form, formErr := httpx.Form(post(t, "/", formType, raw))
		if (err == nil) != (formErr == nil) && len(raw) <= httpx.MaxQuery {
			t.Errorf("%q: in the URL %v, in a body %v", raw, err, formErr)
		}
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || !utf8.ValidString(fault.As(err).Pointer) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		// What passes means the same to the standard library, and is told once.
		want, stdErr := url.ParseQuery(raw)
		if stdErr != nil || len(want) != len(got) || len(form) != len(got) {
			t.Fatalf("%q: %v, the standard library reads %v %v", raw, got, want, stdErr)
		}
		for name, values := range got {
			if len(values) != 1 || len(want[name]) != 1 || want[name][0] != values[0] || !utf8.ValidString(values[0]) || form.Get(name) != values[0] {
				t.Errorf("%q: %q = %q, the standard library reads %q", raw, name, values, want[name])
			}
		}
	})
}
