package token

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// payload writes a JSON object member by member into one buffer: minting is on
// the hot path, and reflection would cost more than the rest of it. Empty values
// are left out.
type payload struct{ buf []byte }

func begin(buf []byte) *payload { return &payload{append(buf, '{')} }

func (p *payload) end() []byte { return append(p.buf, '}') }

// name writes a member's name, which needs no escapes.
func (p *payload) name(name string) {
	if len(p.buf) > 1 {
		p.buf = append(p.buf, ',')
	}
	p.buf = append(p.buf, '"')
	p.buf = append(p.buf, name...)
	p.buf = append(p.buf, '"', ':')
}

func (p *payload) raw(name, value string) {
	p.name(name)
	p.buf = append(p.buf, value...)
}

func (p *payload) text(name, value string) {
	if value != "" {
		p.name(name)
		p.buf = appendString(p.buf, value)
	}
}

func (p *payload) number(name string, value uint64) {
	p.name(name)
	p.buf = strconv.AppendUint(p.buf, value, 10)
}

// time writes seconds since 1970 (RFC 7519, NumericDate).
func (p *payload) time(name string, t time.Time) {
	if !t.IsZero() {
		p.name(name)
		p.buf = strconv.AppendInt(p.buf, t.Unix(), 10)
	}
}

func (p *payload) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	p.name(name)
	for i, v := range values {
		p.buf = append(p.buf, "[,"[min(i, 1)])
		p.buf = appendString(p.buf, v)
	}
	p.buf = append(p.buf, ']')
}

// words writes a space-separated list (RFC 6749, section 3.3).
func (p *payload) words(name string, values []string) {
	if len(values) == 0 {
		return
	}
	p.name(name)
	p.buf = append(p.buf, '"')
	for i, v := range values {
		if i > 0 {
			p.buf = append(p.buf, ' ')
		}
		p.buf = appendEscaped(p.buf, v)
	}
	p.buf = append(p.buf, '"')
}

// actors writes nested act claims, the first outermost.
func (p *payload) actors(all []string) {
	for i, sub := range all {
		if i > 0 {
			p.buf = append(p.buf, ',')
			p.buf = append(p.buf, `"act":`...)
		} else {
			p.name("act")
		}
		p.actor(sub)
	}
	for range all {
		p.buf = append(p.buf, '}')
	}
}

// actor writes an object that names an actor, and leaves it open.
func (p *payload) actor(sub string) {
	p.buf = append(p.buf, `{"sub":`...)
	p.buf = appendString(p.buf, sub)
}

// links writes what an exchanged token grew from.
func (p *payload) links(all []Link) error {
	if len(all) == 0 {
		return nil
	}
	value, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("%w: via: %w", errClaims, err)
	}
	p.name("via")
	p.buf = append(p.buf, value...)
	return nil
}

// reserved are the claims of an id_token that have a field of their own or would
// make it pass for another token.
var reserved = []string{
	"iss", "sub", "aud", "azp", "iat", "exp", "nbf", "jti", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash",
	"events", "client_id", "scope", "cnx", "app", "gnt", "rev", "era", "cnf", "act", "may_act", "agt", "via",
}

func (p *payload) extra(claims map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		// Some parsers, encoding/json among them, do not tell "SUB" from "sub".
		if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) {
			return fmt.Errorf("%w: %q is not a free claim", errClaims, name)
		}
		value, err := json.Marshal(claims[name])
		if err != nil {
			return fmt.Errorf("%w: claim %q: %w", errClaims, name, err)
		}
		p.buf = append(p.buf, ',')
		p.buf = appendString(p.buf, name)
		p.buf = append(p.buf, ':')
		p.buf = append(p.buf, value...)
	}
	return nil
}

func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	buf = appendEscaped(buf, s)
	return append(buf, '"')
}

// appendEscaped writes what stands between the quotes. Nearly everything that a
// token holds is plain ASCII; the rest is left to encoding/json.
func appendEscaped(buf []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(buf, quoted[1:len(quoted)-1]...)
		}
	}
	return append(buf, s...)
}
