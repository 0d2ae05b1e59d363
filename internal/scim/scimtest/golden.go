package scimtest

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// files are the golden files: how real clients behave, one case each.
//
//	What the case is about, in a line or more.
//
//	--- POST /Users
//	Header: value
//	{"a": "request's body"}
//	--- 201
//	Header: value
//	{"an": "answer's body, whole"}
//	--- state
//	{"everything": "that is there at the end"}
//
// ${1}, ${2} … are the ids that were given, in that order; ${base} is the connection's
// address. Times and versions stand as ${time} and ${version}, and values of "members"
// and "groups" in the order of what they say.
//
//go:embed testdata/*.golden
var files embed.FS

// Target is a server to run a golden file against: a connection without anything in it.
type Target struct {
	// Base is the connection's address, without a trailing slash.
	Base  string
	Token string
}

// Names are the golden files, without their extension.
func Names(t *testing.T) []string {
	t.Helper()
	entries, err := files.ReadDir("testdata")
	if err != nil || len(entries) == 0 {
		t.Fatalf("there are no golden files: %v", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".golden"))
	}
	return names
}

// Golden runs every golden file, each against a target of its own.
func Golden(t *testing.T, target func(t *testing.T) Target) {
	for _, name := range Names(t) {
		t.Run(name, func(t *testing.T) {
			want, got := Play(t, name, target(t))
			if want != got {
				t.Errorf("it goes another way than in the file:\n%s", got)
			}
		})
	}
}

// Play runs a golden file and returns its text and what the text would have to be.
func Play(t *testing.T, name string, at Target) (want, got string) {
	t.Helper()
	raw, err := files.ReadFile(path.Join("testdata", name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	p := player{t: t, at: at, ids: map[string]string{}}
	head, rest, _ := strings.Cut(string(raw), "\n--- ")
	p.out.WriteString(strings.TrimSpace(head) + "\n\n")
	for block := range strings.SplitSeq(rest, "\n--- ") {
		if title, body, _ := strings.Cut(block, "\n"); strings.HasPrefix(title, "GET ") || strings.HasPrefix(title, "P") || strings.HasPrefix(title, "DELETE ") {
			p.request(strings.TrimSpace(title), strings.TrimSpace(body))
		}
	}
	p.state()
	return string(raw), p.out.String()
}

// player runs one file.
type player struct {
	t   *testing.T
	at  Target
	out bytes.Buffer
	// ids are the placeholders of what was made, by id.
	ids map[string]string
}

// given puts what placeholders stand for.
func (p *player) given(s string) string {
	for id, name := range p.ids {
		s = strings.ReplaceAll(s, name, id)
	}
	return strings.ReplaceAll(s, "${base}", p.at.Base)
}

// shown is the other way round.
func (p *player) shown(s string) string {
	s = strings.ReplaceAll(s, p.at.Base, "${base}")
	for id, name := range p.ids {
		s = strings.ReplaceAll(s, id, name)
	}
	return s
}

// request plays one request and writes it with its answer.
func (p *player) request(title, text string) {
	p.t.Helper()
	fmt.Fprintf(&p.out, "--- %s\n", title)
	if text != "" {
		fmt.Fprintln(&p.out, text)
	}
	method, at, _ := strings.Cut(title, " ")
	headers, body := split(p.given(text))
	status, answered, answer := p.do(method, p.given(at), headers, body)
	fmt.Fprintf(&p.out, "--- %d\n", status)
	for _, name := range []string{"Location", "Allow", "Retry-After", "WWW-Authenticate"} {
		if v := answered.Get(name); v != "" {
			fmt.Fprintf(&p.out, "%s: %s\n", name, p.shown(v))
		}
	}
	if len(answer) > 0 {
		p.out.WriteString(p.pretty(answer) + "\n")
	}
}

// split parts the headers of a request from its body.
func split(text string) (http.Header, string) {
	h := http.Header{}
	for {
		line, rest, _ := strings.Cut(text, "\n")
		name, value, ok := strings.Cut(line, ": ")
		if !ok || strings.ContainsAny(name, "{[\" ") {
			return h, text
		}
		h.Add(name, value)
		text = rest
	}
}

func (p *player) do(method, at string, headers http.Header, body string) (int, http.Header, []byte) {
	p.t.Helper()
	at, query, _ := strings.Cut(at, "?")
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.at.Base+at, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.URL.RawQuery = strings.NewReplacer(" ", "%20", `"`, "%22", "[", "%5B", "]", "%5D").Replace(query)
	r.Header.Set("Authorization", "Bearer "+p.at.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	maps.Copy(r.Header, headers)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := io.ReadAll(answer.Body)
	if err = cmp.Or(err, answer.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.learn(raw)
	return answer.StatusCode, answer.Header, raw
}

// location finds the ids that the server gave.
var location = regexp.MustCompile(`"location":"[^"]*/(?:Users|Groups)/([a-z0-9]+)"`)

// learn gives what was made a placeholder.
func (p *player) learn(raw []byte) {
	for _, m := range location.FindAllSubmatch(raw, -1) {
		if _, known := p.ids[string(m[1])]; !known {
			p.ids[string(m[1])] = fmt.Sprintf("${%d}", len(p.ids)+1)
		}
	}
}

var (
	moment  = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*Z"`)
	current = regexp.MustCompile(`"W/\\"\d+\\""`)
)

// pretty is a body as golden files have it.
func (p *player) pretty(raw []byte) string {
	p.t.Helper()
	text := p.shown(string(raw))
	text = moment.ReplaceAllString(text, `"$${time}"`)
	text = current.ReplaceAllString(text, `"$${version}"`)
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.t.Fatalf("an answer is no JSON: %v\n%s", err, raw)
	}
	settle(v)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// settle sorts the lists that have no order of their own.
func settle(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			settle(e)
		}
	case map[string]any:
		for name, e := range v {
			settle(e)
			if list, ok := e.([]any); ok && (name == "members" || name == "groups") {
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}
	}
}

// state writes what is there at the end.
func (p *player) state() {
	p.t.Helper()
	fmt.Fprintln(&p.out, "--- state")
	for _, at := range []string{"/Users?excludedAttributes=meta,schemas", "/Groups?excludedAttributes=meta,schemas"} {
		_, _, raw := p.do(http.MethodGet, at, nil, "")
		var found struct {
			Resources []json.RawMessage `json:"Resources"` //nolint:tagliatelle // RFC 7644, section 3.4.2
		}
		if err := json.Unmarshal(raw, &found); err != nil {
			p.t.Fatal(err)
		}
		for _, r := range found.Resources {
			p.out.WriteString(p.pretty(r) + "\n")
		}
	}
}
