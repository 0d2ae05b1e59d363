package consoletest

import (
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// Asked is an answer.
type Asked struct {
	Status int
	Body   string
	Header http.Header
}

// Do sends a request of the browser.
func (s *Stage) Do(r *http.Request) Asked {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return Asked{w.Code, w.Body.String(), w.Header()}
}

// Get asks for a page; path is below kit.Base.
func (s *Stage) Get(path string) Asked {
	s.t.Helper()
	return s.Do(httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, Prefix+kit.Base+path, nil))
}

// Post sends a form of our own page; site says what the browser says of its origin.
func (s *Stage) Post(path string, form url.Values, site string) Asked {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, Prefix+kit.Base+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return s.Do(r)
}

// Upload sends a form of type multipart/form-data.
func (s *Stage) Upload(path string, form map[string]string) Asked {
	s.t.Helper()
	return s.UploadFrom("same-origin", path, form, nil)
}

// UploadFrom is Upload from a site, with a file behind the other fields; nil is none, as a
// browser sends where none was chosen.
func (s *Stage) UploadFrom(site, path string, form map[string]string, file io.Reader) Asked {
	s.t.Helper()
	body, w := io.Pipe()
	parts := multipart.NewWriter(w)
	go func() {
		for name, value := range form {
			_ = parts.WriteField(name, value)
		}
		if file != nil {
			if to, err := parts.CreateFormFile("file", "people.jsonl"); err == nil {
				_, _ = io.Copy(to, file)
			}
		}
		_ = w.CloseWithError(parts.Close())
	}()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, Prefix+kit.Base+path, body)
	r.Header.Set("Content-Type", parts.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", site)
	return s.Do(r)
}

// Hidden are the hidden fields of a page's forms.
func (a Asked) Hidden() url.Values {
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(a.Body, -1) {
		values.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return values
}

// Links are the addresses on a page that lead to the console.
func (a Asked) Links(t *testing.T) []string {
	t.Helper()
	var all []string
	z := html.NewTokenizer(strings.NewReader(a.Body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return all
		case html.StartTagToken:
			tag := z.Token()
			for _, at := range tag.Attr {
				if tag.Data == "a" && at.Key == "href" && strings.HasPrefix(at.Val, Prefix+kit.Base) {
					all = append(all, strings.TrimPrefix(at.Val, Prefix+kit.Base))
				}
			}
		default:
		}
	}
}

// Confirm asks for the question before an action, and sends what it wants.
func (s *Stage) Confirm(path string) (question, done Asked) {
	s.t.Helper()
	question = s.Get(path)
	if question.Status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, question.Status, question.Body)
	}
	return question, s.Post(path, question.Hidden(), "same-origin")
}
