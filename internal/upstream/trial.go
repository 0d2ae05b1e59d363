package upstream

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// hidden stands where something is not shown.
const hidden = "[hidden]"

// trial is one answer under examination: what was checked and what came, for
// whoever has to find out why a sign-in failed.
type trial struct {
	identity.Findings
	// failed is the refusal of the first check that was not passed.
	failed error
	// secrets are never shown, whoever sends them back.
	secrets []string
	parts   map[string]map[string]any
}

// check notes a check and remembers the first that failed as why.
func (t *trial) check(name string, passed bool, why, expected, got string) bool {
	t.Note(name, passed, expected, t.clean(got))
	if !passed && t.failed == nil {
		t.failed = untrusted(why)
	}
	return passed
}

// step notes a check that failed with err, or passed when that is nil.
func (t *trial) step(name string, err error, expected string) {
	if err == nil {
		t.Note(name, true, expected, "")
		return
	}
	t.Refused(err, name)
	last := &t.Checks[len(t.Checks)-1]
	if last.Expected == "" {
		last.Expected = expected
	}
	last.Got = t.clean(last.Got)
}

// received keeps a part of what came.
func (t *trial) received(part string, content map[string]any) {
	if t.parts == nil {
		t.parts = map[string]map[string]any{}
	}
	t.parts[part] = content
}

// maxDocument bounds a document in bytes.
const maxDocument = 16 << 10

// document is what came, as indented JSON.
func (t *trial) document() string {
	if len(t.parts) == 0 {
		return ""
	}
	raw, err := json.MarshalIndent(t.parts, "", "  ")
	if err != nil {
		return "" // it came out of JSON
	}
	text := t.clean(string(raw))
	if len(text) > maxDocument {
		text = strings.ToValidUTF8(text[:maxDocument], "") + "…"
	}
	return text
}

// clean takes secrets out of what a stranger sent, and what moves a cursor.
func (t *trial) clean(text string) string {
	for _, s := range t.secrets {
		if len(s) >= shortestSecret {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// shortestSecret keeps a secret of a few letters from eating every text.
const shortestSecret = 6

// plainClaims are told as they came: they are about the answer, not the person.
var plainClaims = []string{
	"iss", "aud", "azp", "exp", "iat", "nbf", "auth_time", "acr", "amr", "tid", "ver", "email_verified",
	"error", "error_description", "error_uri",
}

// masked tells of claims that are about a person what they are, not what they say.
func masked(claims map[string]any) map[string]any {
	shown := map[string]any{}
	for name, v := range claims {
		if slices.Contains(plainClaims, name) {
			shown[name] = v
			continue
		}
		shown[name] = kindOf(v)
	}
	return shown
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "text, " + count(len([]rune(v)), "character")
	case []any:
		return "list of " + count(len(v), "value")
	case map[string]any:
		return "object with " + strings.Join(slices.Sorted(maps.Keys(v)), ", ")
	}
	return "number"
}

// plain are the parameters of the browser's answer.
func plain(params url.Values) map[string]any {
	shown := map[string]any{}
	for name := range params {
		switch name {
		case "iss", "error", "error_description", "error_uri":
			shown[name] = params.Get(name)
		default:
			shown[name] = hidden
		}
	}
	return shown
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func presence(text string) string {
	if text == "" {
		return "none"
	}
	return "one"
}

// sameness says how two values compare that are not to be shown.
func sameness(got, want any) string {
	switch got {
	case want:
		return "the same"
	case "", nil:
		return "none"
	}
	return "another one"
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func moment(d *jwt.NumericDate) string {
	if d == nil {
		return "none"
	}
	return stamp(d.Time())
}

// algorithmOf is what the header of a token that was refused names, or what is
// wrong with the token.
func algorithmOf(token string) string {
	head, _, found := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Algorithm string `json:"alg"`
	}
	if !found || err != nil || json.Unmarshal(raw, &header) != nil || header.Algorithm == "" {
		return "no signed token"
	}
	return header.Algorithm
}

// unreached says in words why a provider did not answer.
func unreached(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &name):
		return "the name is not known"
	case errors.As(err, &certificate):
		return "a certificate that is not trusted: " + certificate.Err.Error()
	case errors.Is(err, httpx.ErrForbiddenAddress):
		return "an address that outgoing.allow_networks does not allow"
	case errors.Is(err, httpx.ErrForbiddenRedirect):
		return "a redirect to where it must not be followed"
	case errors.Is(err, httpx.ErrResponseTooLarge):
		return "more than outgoing.max_bytes allows"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	}
	return "no connection"
}
