package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// entry is what is looked at of an audit entry.
type entry struct {
	ID      string
	Type    string
	Time    time.Time
	Subject struct{ Kind, ID string }
	Data    map[string]string
}

// auditLog is what the broker recorded since a moment.
type auditLog struct {
	tokens map[string]bool   // ids of issued tokens
	grants map[string]int    // tokens issued for each grant
	newest map[string]string // type of the newest entry about each subject
}

// auditSince reads the log over the API.
func (w *load) auditSince(ctx context.Context, since time.Time) (auditLog, error) {
	log := auditLog{tokens: map[string]bool{}, grants: map[string]int{}, newest: map[string]string{}}
	for after := ""; ; {
		q := url.Values{"from": {since.UTC().Format(time.RFC3339)}, "limit": {"1000"}}
		if after != "" {
			q.Set("after", after)
		}
		page, err := list[entry](ctx, w.c, "/audit?"+q.Encode())
		if err != nil {
			return log, fmt.Errorf("read the audit log: %w", err)
		}
		for _, e := range page.Items {
			log.add(e)
		}
		if after = page.Next; after == "" {
			return log, nil
		}
	}
}

func (a auditLog) add(e entry) {
	subject := e.Subject.Kind + ":" + e.Subject.ID
	if _, known := a.newest[subject]; !known {
		a.newest[subject] = e.Type
	}
	if e.Type == "token.issued" {
		a.tokens[e.Subject.ID] = true
		a.grants[e.Data["grant"]]++
	}
}

// verify looks at everything that was acknowledged since the last look, at a
// broker that was started again, and uses everything anew that is good once.
func (w *load) verify(ctx context.Context) error {
	p := w.l.turn()
	log, err := w.auditSince(ctx, p.since)
	if err != nil {
		return err
	}
	for id := range p.tokens {
		if !log.tokens[id] {
			w.r.wrong(lost, "the audit entry of the acknowledged token %s", id)
		}
	}
	for _, f := range p.facts {
		if err := w.verifyFact(ctx, f, log); err != nil {
			return err
		}
	}
	for _, u := range p.codes {
		if err := w.verifyCode(ctx, u, log); err != nil {
			return err
		}
	}
	w.each(len(p.lines), func(i int) { w.verifyLine(ctx, p.lines[i], log) })
	w.each(len(p.used), func(i int) { w.refuses(ctx, p.used[i].what, p.used[i].again) })
	w.each(len(p.ended), func(i int) { w.refuses(ctx, p.ended[i].what, p.ended[i].try) })
	return nil
}

// each calls do for 0 to n-1, several at once.
func (w *load) each(n int, do func(int)) {
	work := make(chan int)
	var group sync.WaitGroup
	for range minWorkers {
		group.Go(func() {
			for i := range work {
				do(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
}

// refuses is a violation unless the broker decides against it.
func (w *load) refuses(ctx context.Context, what string, try func(context.Context) reply) {
	switch got := try(ctx); {
	case got.ok():
		w.r.wrong(twice, "%s: %s", what, got)
	case got.err != nil || got.status >= http.StatusInternalServerError:
		w.r.violation("%s is not decided on: %s", what, got)
	default:
		w.r.count(replays, 1)
	}
}

// verifyFact wants a switched state to be what was acknowledged, or what was
// asked for last; and the audit log to tell the same.
func (w *load) verifyFact(ctx context.Context, f *fact, log auditLog) error {
	got, err := f.observe(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if got != f.want && (f.flight == "" || got != f.flight) {
		w.r.wrong(lost, "%s was acknowledged as %s and is %s", f.name, f.want, got)
	}
	if f.subject != nil && !w.moves {
		if last, ok := log.newest[f.subject()]; ok && !tells(last, f.types, got) {
			w.r.wrong(lost, "half a change: %s is %s, its newest audit entry is %s", f.name, got, last)
		}
	}
	f.want, f.flight = got, ""
	return nil
}

// tells reports whether an audit entry of this type fits the state; one that is
// about something else says nothing.
func tells(typ string, types map[string]string, state string) bool {
	for other, t := range types {
		if t == typ && other != state {
			return false
		}
	}
	return true
}

// verifyCode redeems a code whose redemption was under way: it is still good, or
// was used up together with the entry of the token that it gave.
func (w *load) verifyCode(ctx context.Context, u uncertain, log auditLog) error {
	before, err := w.newestReplay(ctx)
	if err != nil {
		return err
	}
	got := u.again(ctx)
	switch {
	case got.ok():
		w.r.count("codes under way that were not used up", 1)
		return nil
	case got.code() != "invalid_grant":
		w.r.violation("a code whose redemption was under way: %s", got)
		return nil
	}
	after, err := w.newestReplay(ctx)
	switch {
	case err != nil:
		return err
	case after == before:
		w.r.wrong(lost, "a code that was given is not known")
	case log.grants[after] == 0:
		w.r.wrong(lost, "half a change: code used up, no token recorded for grant %s", after)
	default:
		w.r.count("codes under way that were used up", 1)
	}
	return nil
}

// newestReplay is the grant that was ended last because something came twice.
func (w *load) newestReplay(ctx context.Context) (string, error) {
	page, err := list[entry](ctx, w.c, "/audit?type=grant.replayed&limit=1")
	if err != nil || len(page.Items) == 0 {
		return "", err
	}
	return page.Items[0].Subject.ID, nil
}

// verifyLine wants the newest refresh token of a line to work, unless its
// rotation was under way, and the older ones to end the line.
func (w *load) verifyLine(ctx context.Context, f *family, log auditLog) {
	got := w.refreshing(f.current)(ctx)
	rotated := got.code() == "invalid_grant" && f.flight
	switch {
	case got.ok():
		f.old = append(f.old, f.current)
	case !rotated:
		w.r.wrong(lost, "the newest refresh token of a line (rotation under way: %t): %s", f.flight, got)
	case log.grants[f.grant] != f.tokens+1:
		w.r.wrong(lost, "half a change: refresh token used up, %d tokens of grant %s recorded and not %d", log.grants[f.grant], f.grant, f.tokens+1)
	}
	for i := len(f.old) - 1; i >= 0; i-- {
		w.refuses(ctx, "a rotated refresh token", w.refreshing(f.old[i]))
	}
}

// recorded looks for every acknowledged token in the whole log, as exported.
func (w *load) recorded(export []byte) {
	known := map[string]bool{}
	for line := range bytes.Lines(export) {
		var e entry
		if json.Unmarshal(line, &e) == nil && e.Type == "token.issued" {
			known[e.Subject.ID] = true
		}
	}
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	for _, id := range w.l.jtis {
		if !known[id] {
			w.r.wrong(lost, "at the end, the audit entry of the acknowledged token %s", id)
		}
	}
	w.r.note("the exported log has %s tokens, %s were acknowledged", grouped(len(known)), grouped(len(w.l.jtis)))
}
