package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestAnUnknownKeyAsksOnceAndThenWaits(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	c := p.connection()
	p.good(c)
	p.kid = "unknown"
	p.refused(c, "does not publish")
	if n := p.asked["/jwks"]; n != 1 {
		t.Errorf("keys just read were read %d times", n)
	}
	p.now = p.now.Add(11 * time.Second)
	for range 5 {
		p.refused(c, "does not publish")
	}
	if n := p.asked["/jwks"]; n != 2 {
		t.Errorf("five unknown keys made %d requests, want one more than the first", n)
	}
	p.kid = "one"
	p.good(c)
}

func TestKeysRotateAndAWithdrawnOneEnds(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	c := p.connection()
	p.good(c)
	next := rsaKey()[1]
	p.publish(jose.JSONWebKey{Key: next.Public(), KeyID: "two", Algorithm: "RS256"})
	p.good(c) // the old key is believed until the set is read again
	p.now = p.now.Add(11 * time.Minute)
	p.refused(c, "does not publish")
	p.key, p.kid = next, "two"
	p.good(c)
}

func TestANewKeyIsFoundBeforeTheSetIsOld(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	c := p.connection()
	p.good(c)
	old := p.key
	p.key, p.kid = rsaKey()[1], "two"
	p.publish(jose.JSONWebKey{Key: p.key.Public(), KeyID: "two"})
	p.now = p.now.Add(11 * time.Second)
	p.good(c)
	p.key, p.kid = old, "one"
	p.refused(c, "does not publish")
}

func TestOldKeysAreNotBelievedWhileTheProviderIsSilent(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	c := p.connection()
	p.good(c)
	p.now = p.now.Add(11 * time.Minute)
	p.aside["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	p.refused(c, "does not answer")
	delete(p.aside, "/jwks")
	p.now = p.now.Add(2 * time.Second)
	p.good(c)
}

func TestASignatureWithoutKidNeedsAnUnambiguousKey(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	p.kid = ""
	p.good(p.connection())
	p.publish(jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}, jose.JSONWebKey{Key: rsaKey()[1].Public(), KeyID: "two"})
	p.refused(p.connection(), "does not publish")
}

func TestASetWithAPrivateKeyIsRefusedAsAWhole(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	p.good(p.connection())
	p.publish(jose.JSONWebKey{Key: p.key, KeyID: "one"})
	p.refused(p.connection(), "private")
}
