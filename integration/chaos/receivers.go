package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What a receiver does with every so-manieth message: it takes none, hangs, or takes it
// and says that it did not.
const (
	refusesEvery  = 19
	hangsEvery    = 71
	losesEvery    = 13
	hangsFor      = 20 * time.Second // more than the broker waits
	wholeMessage  = 64 << 10
	logoutEventID = "http://schemas.openid.net/event/backchannel-logout"
)

// message is what a logout token or a security event token says.
type message struct {
	Issuer   string                     `json:"iss"`
	Audience string                     `json:"aud"`
	ID       string                     `json:"jti"`
	Subject  string                     `json:"sub"`
	Session  string                     `json:"sid"`
	Issued   int64                      `json:"iat"`
	Expires  int64                      `json:"exp"`
	Cause    string                     `json:"txn"`
	About    json.RawMessage            `json:"sub_id"`
	Nonce    *string                    `json:"nonce"`
	Events   map[string]json.RawMessage `json:"events"`
}

// hearing is a message that came, and whether it was taken.
type hearing struct {
	id, cause string
	// kind is the last part of the event's type.
	kind  string
	at    time.Time
	taken bool
}

// receiver hears of leavers: an app with an endpoint for back-channel logouts, or for
// shared signals. It believes what the published keys have signed.
type receiver struct {
	name     string
	r        *report
	issuer   string
	audience string
	typ      string // of its tokens
	read     func(*http.Request) (string, error)
	check    func(message) error
	good     int // the status of a message that is taken
	subject  func(message) string
	faulty   bool

	mu    sync.Mutex
	keys  jose.JSONWebKeySet
	heard map[string][]hearing // by person
	n     int
}

// logouts is an app's endpoint of OpenID Connect Back-Channel Logout 1.0.
func (c *trio) logouts(audience string) *receiver {
	return &receiver{
		name: "logout", r: c.r, issuer: c.s.Issuer(), audience: audience, typ: "logout+jwt", good: http.StatusOK, heard: map[string][]hearing{}, faulty: true,
		read: func(r *http.Request) (string, error) { return r.PostFormValue("logout_token"), nil },
		check: func(m message) error {
			if _, there := m.Events[logoutEventID]; !there || m.Nonce != nil || m.Session == "" || m.Expires < time.Now().Unix() {
				return fmt.Errorf("no logout token: %+v", m)
			}
			return nil
		},
		subject: func(m message) string { return m.Subject },
	}
}

// signals is an endpoint that signals are pushed to (RFC 8935).
func (c *trio) signals(audience, authorization string) *receiver {
	return &receiver{
		name: "signal", r: c.r, issuer: c.s.Issuer(), audience: audience, typ: "secevent+jwt", good: http.StatusAccepted, heard: map[string][]hearing{}, faulty: true,
		read: func(r *http.Request) (string, error) {
			if r.Header.Get("Authorization") != authorization {
				return "", errors.New("it is not the broker that pushes")
			}
			raw, err := io.ReadAll(io.LimitReader(r.Body, wholeMessage))
			return string(raw), err
		},
		check: func(m message) error {
			if len(m.Events) != 1 || len(m.About) == 0 || m.Cause == "" || m.Expires != 0 {
				return fmt.Errorf("no security event token: %+v", m)
			}
			return nil
		},
		subject: func(m message) string { return personIn(m.About) },
	}
}

// personIn finds the person in a subject identifier (RFC 9493), simple or complex.
func personIn(about json.RawMessage) string {
	var of struct {
		Subject string `json:"sub"`
		User    struct {
			Subject string `json:"sub"`
		} `json:"user"`
	}
	if json.Unmarshal(about, &of) != nil {
		return ""
	}
	return of.Subject + of.User.Subject
}

// open listens and returns where.
func (in *receiver) open(s *stage) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("receiver: %w", err)
	}
	s.serve(l, in)
	return "http://" + l.Addr().String() + "/", nil
}

// ServeHTTP takes a message.
func (in *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := in.read(r)
	var m message
	if err == nil {
		m, err = in.verify(raw)
	}
	if err != nil {
		in.r.violation("a %s that nobody may believe: %v", in.name, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	in.mu.Lock()
	in.n++
	n, now := in.n, hearing{id: m.ID, cause: m.Cause, at: time.Now()}
	for uri := range m.Events {
		now.kind = uri[strings.LastIndex(uri, "/")+1:]
	}
	status := in.good
	switch {
	case !in.faulty:
	case n%hangsEvery == 0:
		status = 0
	case n%refusesEvery == 0, n%losesEvery == 0:
		status = http.StatusServiceUnavailable
	}
	// What is done with and not said to be is heard as well.
	now.taken = status == in.good || status != 0 && n%losesEvery == 0
	in.heard[in.subject(m)] = append(in.heard[in.subject(m)], now)
	in.mu.Unlock()
	if status == 0 {
		in.r.count("times that a receiver hung", 1)
		pause(r.Context(), hangsFor)
		return
	}
	if status != in.good {
		in.r.count("times that a receiver answered 503", 1)
	}
	w.WriteHeader(status)
}

// verify reads a token that the broker signed for this receiver.
func (in *receiver) verify(raw string) (m message, err error) {
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return m, err
	}
	head := parsed.Signatures[0].Header
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != in.typ {
		return m, fmt.Errorf("it is a %q", typ)
	}
	set, err := in.published(head.KeyID)
	if err != nil {
		return m, err
	}
	text, err := parsed.Verify(set)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	if m.Issuer != in.issuer || m.Audience != in.audience || m.ID == "" || m.Issued == 0 {
		return m, fmt.Errorf("it is not for this receiver: %+v", m)
	}
	return m, in.check(m)
}

// published reads the broker's keys, anew for one that is not known. All replicas but one
// are there at any time, and the balancer may lead to that one.
func (in *receiver) published(kid string) (jose.JSONWebKeySet, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for range 20 {
		if len(in.keys.Key(kid)) > 0 {
			return in.keys, nil
		}
		if res, err := http.Get(in.issuer + "/jwks"); err == nil {
			_ = json.NewDecoder(res.Body).Decode(&in.keys) // else it is asked again
			_ = res.Body.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return in.keys, fmt.Errorf("the key %s is not published", kid)
}

// about returns what came about a person.
func (in *receiver) about(person string) []hearing {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.heard[person])
}

// ids are the different messages among those that came, each with when it was taken first,
// zero for never.
func ids(all []hearing) map[string]time.Time {
	first := map[string]time.Time{}
	for _, h := range all {
		at, known := first[h.id]
		if !known || h.taken && (at.IsZero() || h.at.Before(at)) {
			at = time.Time{}
			if h.taken {
				at = h.at
			}
			first[h.id] = at
		}
	}
	return first
}

// taken counts the different messages that were taken.
func taken(all []hearing) (n int) {
	for _, at := range ids(all) {
		if !at.IsZero() {
			n++
		}
	}
	return n
}
