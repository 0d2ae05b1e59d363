package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// readAccess reads the claims of an access token. Each exchange and each introspection
// comes by here, so that what every token is made of is read without reflection; a claim
// that few tokens have, or that is written in another way than ours, is left to
// encoding/json, with all the others.
func readAccess(body []byte) (accessClaims, error) {
	var c accessClaims
	if c.scan(body) {
		return c, nil
	}
	c = accessClaims{}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, fmt.Errorf("%w: the claims are malformed", ErrInvalid)
	}
	return c, nil
}

// scan reads a payload as Minter.Access writes it; false leaves c half read.
func (c *accessClaims) scan(body []byte) bool {
	s := scanner{body}
	if !s.skip('{') {
		return false
	}
	for first := true; !s.skip('}'); first = false {
		if !first && !s.skip(',') {
			return false
		}
		name, ok := s.text()
		if !ok || !s.skip(':') || !c.member(&s, name) {
			return false
		}
	}
	return len(s.rest) == 0
}

// member reads the value of one claim.
func (c *accessClaims) member(s *scanner, name []byte) (ok bool) {
	if to := c.text(name); to != nil {
		return s.textTo(to)
	}
	switch string(name) {
	case "aud":
		return s.textTo((*string)(&c.Audience))
	case "iat":
		c.Issued, ok = s.number()
	case "exp":
		c.Expires, ok = s.number()
	case "auth_time":
		c.AuthTime, ok = s.number()
	case "rev":
		var n int64
		n, ok = s.number()
		c.Rev = uint64(n) // never below 0
	case "roles":
		c.Roles, ok = s.list()
	case "amr":
		c.AMR, ok = s.list()
	}
	return ok
}

// text returns where a claim goes that is a string.
func (c *accessClaims) text(name []byte) *string {
	switch string(name) {
	case "iss":
		return &c.Issuer
	case "sub":
		return &c.Subject
	case "client_id":
		return &c.Client
	case "jti":
		return &c.ID
	case "scope":
		return &c.Scope
	case "acr":
		return &c.ACR
	case "sid":
		return &c.Session
	case "cnx":
		return &c.Connection
	case "app":
		return &c.App
	case "gnt":
		return &c.Grant
	case "era":
		return &c.Era
	}
	return nil
}

// scanner reads the JSON that package token writes, and no other: without white space
// and without escapes.
type scanner struct{ rest []byte }

func (s *scanner) skip(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) text() ([]byte, bool) {
	if !s.skip('"') {
		return nil, false
	}
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 {
		return nil, false
	}
	for _, c := range s.rest[:end] {
		if c < ' ' || c > '~' || c == '\\' {
			return nil, false
		}
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text, true
}

func (s *scanner) textTo(to *string) bool {
	text, ok := s.text()
	*to = string(text)
	return ok
}

// number reads an integer that is not negative.
func (s *scanner) number() (int64, bool) {
	end := 0
	for end < len(s.rest) && s.rest[end] >= '0' && s.rest[end] <= '9' {
		end++
	}
	if end > 1 && s.rest[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(s.rest[:end]), 10, 64)
	s.rest = s.rest[end:]
	return n, err == nil
}

func (s *scanner) list() ([]string, bool) {
	all := []string{}
	if !s.skip('[') {
		return nil, false
	}
	for first := true; !s.skip(']'); first = false {
		if !first && !s.skip(',') {
			return nil, false
		}
		text, ok := s.text()
		if !ok {
			return nil, false
		}
		all = append(all, string(text))
	}
	return all, true
}
