package api_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
)

func TestTheNewestSignalsOfAStreamComeFirst(t *testing.T) {
	b := start(t)
	now := b.clock()
	stream := signal.Stream{ID: "stream", Client: "payroll-api", App: "payroll", Method: signal.Poll, Status: signal.Enabled, Created: now}
	if err := b.db.CreateStream(t.Context(), stream, 1, nil); err != nil {
		t.Fatal(err)
	}
	var sets []signal.Set
	for i, id := range []string{"second", "first", "third"} { // not in the order of their ids
		sets = append(sets, signal.Set{
			ID: id, Stream: stream.ID, Event: "event", Transaction: "txn", Type: signal.SessionRevoked, Subject: []byte(`{"format":"opaque"}`), Claims: []byte(`{}`),
			Issued: now.Add(time.Duration(i) * time.Second), State: signal.SetWaiting,
		})
	}
	if err := b.db.QueueSets(t.Context(), sets, 10); err != nil {
		t.Fatal(err)
	}
	page := b.ask(t, http.MethodGet, "/streams/stream/signals?limit=2", "")
	if got := ids(t, page); got != "third first" {
		t.Errorf("%s: %s", got, page.body)
	}
	_, next := page.items(t)
	if got := ids(t, b.ask(t, http.MethodGet, "/streams/stream/signals?limit=2&after="+url.QueryEscape(next), "")); got != "second" {
		t.Errorf("the page after it: %s", got)
	}
}
