package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
)

// truthful compares what the API says has been done with what receivers and the rest of
// the API know: it may say less, and never more.
func (v *leavers) truthful(ctx context.Context, l *leaver) error {
	events, err := v.revocations(ctx, l)
	if err != nil {
		return err
	}
	if len(events) != 1 {
		v.r.wrong(lost, "%s is told of by %d events", l.how.name, len(events))
		return nil
	}
	e := events[0]
	if n, told := e.of(grant.LogoutOfApps).Done, taken(v.told.about(l.person)); n > told {
		v.r.violation("%s: %d logouts are said to be delivered, the app took %d", l.how.name, n, told)
	}
	if n, told := e.of(grant.SharedSignals).Done, taken(v.heard.about(l.person)); n > told {
		v.r.violation("%s: %d signals are said to be delivered, the receiver took %d", l.how.name, n, told)
	}
	if !l.how.leaves {
		return nil
	}
	if c := e.of(grant.OwnersSucceed); c.Done > 0 {
		if who, err := v.owner(ctx, l); err != nil || who != successor {
			v.r.violation("%s: the app is said to have another owner, which is %s (%v)", l.how.name, who, err)
		}
	}
	if c := e.of(grant.RequestsWithdraw); c.Done > 0 {
		if state, err := v.asked(ctx, l); err != nil || state != "withdrawn" {
			v.r.violation("%s: the request is said to be withdrawn, which is %s (%v)", l.how.name, state, err)
		}
	}
	return nil
}

// done reports whether the API says that nothing more will happen by itself.
func done(all []revocation) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(e revocation) bool {
		return slices.ContainsFunc(e.Consequences, func(c consequence) bool { return c.State != string(grant.ConsequenceDone) })
	})
}

// settled waits until all consequences of all departures are done.
func (v *leavers) settled(ctx context.Context) error {
	left := slices.Clone(v.all)
	for end := time.Now().Add(patience); len(left) > 0 && time.Now().Before(end); pause(ctx, time.Second) {
		var err error
		left = slices.DeleteFunc(left, func(l *leaver) bool {
			events, failed := v.revocations(ctx, l)
			if failed != nil {
				err = failed
			}
			return done(events)
		})
		if err != nil {
			return err
		}
	}
	for _, l := range left {
		events, err := v.revocations(ctx, l)
		v.r.wrong(lost, "consequences of %s, %s after it: %+v %v", l.how.name, round(time.Since(l.acked)), events, err)
	}
	return nil
}

// told is what the audit log has about departures, by what each is about.
type told struct {
	left, lost, owners, withdrawn map[string][]time.Time
}

// entries reads the times of all entries of a type, by what key makes of them.
func (v *leavers) entries(ctx context.Context, typ string, key func(entry) string) (map[string][]time.Time, error) {
	all := map[string][]time.Time{}
	for after := ""; ; {
		q := url.Values{"type": {typ}, "limit": {"1000"}}
		if after != "" {
			q.Set("after", after)
		}
		page, err := list[entry](ctx, v.c, "/audit?"+q.Encode())
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		for _, e := range page.Items {
			all[key(e)] = append(all[key(e)], e.Time)
		}
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

func (v *leavers) log(ctx context.Context) (t told, err error) {
	subject := func(e entry) string { return e.Subject.ID }
	for typ, into := range map[string]struct {
		all *map[string][]time.Time
		key func(entry) string
	}{
		"person.left": {&t.left, subject}, "access.lost": {&t.lost, func(e entry) string { return e.Subject.ID + e.Data["name"] }}, "change.withdrawn": {&t.withdrawn, subject},
		"app.owner_succeeded": {&t.owners, func(e entry) string { return e.Data["name"] }},
	} {
		if *into.all, err = v.entries(ctx, typ, into.key); err != nil {
			return t, err
		}
	}
	return t, nil
}

// account looks at what became of everybody in the end, at the queues and the audit log.
func (v *leavers) account(ctx context.Context) error {
	log, err := v.log(ctx)
	if err != nil {
		return err
	}
	for _, l := range v.all {
		events, err := v.revocations(ctx, l)
		if err != nil {
			return err
		}
		if err := v.truthful(ctx, l); err != nil {
			return err
		}
		owner, err := v.owner(ctx, l)
		if err != nil {
			return err
		}
		asked, err := v.asked(ctx, l)
		if err != nil {
			return err
		}
		o := outcome{
			leaver: l, events: events, owner: owner, asked: asked, logouts: v.told.about(l.person), signals: v.heard.about(l.person),
			left: log.left[l.person], lost: log.lost[l.person+v.s.Facts().App("expense-bot").Name], owners: log.owners[l.app], withdrawn: log.withdrawn[l.change],
		}
		for _, wrong := range o.faults() {
			v.r.wrong(lost, "%s: %s", l.how.name, wrong)
		}
		o.note(v.r)
	}
	slices.Sort(v.late)
	if p99 := v.late[len(v.late)*99/100]; p99 > atOnce {
		v.r.violation("leavers are let through by other replicas for %s at p99, %s is the bound", round(p99), atOnce)
	}
	for _, queue := range []string{"/outbox", "/jobs"} {
		page, err := list[map[string]any](ctx, v.c, queue)
		if err != nil {
			return err
		}
		if len(page.Items) > 0 {
			v.r.violation("%s is not empty in the end: %v", queue, page.Items)
		}
	}
	auditWhole(ctx, v.processes[0], v.r)
	return nil
}

// outcome is what became of a leaver, by everybody's word.
type outcome struct {
	*leaver
	events           []revocation
	owner, asked     string
	logouts, signals []hearing
	// When the audit log says what was done.
	left, lost, owners, withdrawn []time.Time
}

// faults are what is not as it has to be: everything once, and delivered at least once.
func (o outcome) faults() (all []string) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	once := map[string][2]int{"departures in the audit log": {len(o.left) + len(o.lost), 1}, "logouts after deduplication": {len(ids(o.logouts)), 1}}
	owner, state := successor, "withdrawn"
	if o.how.leaves {
		once["successions in the audit log"], once["withdrawals in the audit log"] = [2]int{len(o.owners), 1}, [2]int{len(o.withdrawn), 1}
	} else {
		once["successions in the audit log"], once["withdrawals in the audit log"] = [2]int{len(o.owners), 0}, [2]int{len(o.withdrawn), 0}
		owner, state = "", "waiting"
	}
	for what, n := range once {
		if n[0] != n[1] {
			wrong("%d %s, not %d", n[0], what, n[1])
		}
	}
	if owner != "" && o.owner != owner || owner == "" && o.owner == successor {
		wrong("the app is owned by %s", o.owner)
	}
	if o.asked != state {
		wrong("the request is %s", o.asked)
	}
	if taken(o.logouts) == 0 || taken(o.signals) == 0 {
		wrong("%d logouts and %d signals were taken", taken(o.logouts), taken(o.signals))
	}
	if len(o.events) != 1 {
		wrong("%d revocations are listed", len(o.events))
		return all
	}
	listed := o.events[0]
	want := map[string]int{grant.LogoutOfApps: 1, grant.SharedSignals: len(o.ofDeparture())}
	if o.how.leaves {
		want[grant.EndedSessions], want[grant.OwnersSucceed], want[grant.RequestsWithdraw] = 1, 1, 1
	}
	for name, n := range want {
		if c := listed.of(name); c.Done != n || c.Waiting+c.Failed > 0 || c.State != string(grant.ConsequenceDone) {
			wrong("listed as %+v, not %d done", c, n)
		}
	}
	if listed.of(grant.EndedGrants).Done == 0 {
		wrong("no refresh family ended")
	}
	return all
}

// ofDeparture are the signals that have the departure for a cause. Others tell of groups,
// before and after it.
func (o outcome) ofDeparture() map[string]time.Time {
	kind, cause := "session-revoked", ""
	if o.how.leaves {
		kind = "account-disabled"
	}
	for _, h := range o.signals {
		if h.kind == kind {
			cause = h.cause
		}
	}
	return ids(slices.DeleteFunc(slices.Clone(o.signals), func(h hearing) bool { return h.cause != cause }))
}

// note notes how long all of it took, and how much was said again.
func (o outcome) note(r *report) {
	r.count("logouts said again", len(o.logouts)-len(ids(o.logouts)))
	r.count("signals said again", len(o.signals)-len(ids(o.signals)))
	if o.uncertain {
		return // when it was done, nobody was told
	}
	var times []time.Time
	times = slices.AppendSeq(times, maps.Values(ids(o.logouts)))
	times = slices.AppendSeq(times, maps.Values(o.ofDeparture()))
	times = append(append(times, o.owners...), o.withdrawn...)
	if len(times) == 0 {
		return
	}
	what := "all consequences without a kill"
	if o.killed {
		what = "all consequences with a kill"
	}
	r.took(what, slices.MaxFunc(times, time.Time.Compare).Sub(o.acked))
}
