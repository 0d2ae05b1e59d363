package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"             // registers the driver "sqlite"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// now is when everything is looked at.
var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// What the rows are spread over.
const (
	clients     = 200
	exchangers  = 20
	sealSize    = 1000
	queued      = 20_000
	statementOf = 400 // rows of one INSERT
)

var (
	given  = strings.Fields("Anna Ben Carla David Emma Felix Greta Hugo Ida Jonas Klara Leon Mia Noah Olga Paul Rosa Simon Tilda Uwe Vera Willi Xaver Yara Zoë")
	family = strings.Fields("Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter Klein Wolf Neumann Schwarz Zimmermann O'Brien")
)

// sizes are how many rows there are, and where, if that is told.
type sizes struct {
	people, groups, entries, apps int
	dir, dsn                      string
}

// filler writes made-up rows, the same for every run.
type filler struct {
	sizes
	random *rand.Rand
	tx     *sql.Tx
	people []string
	// sessions are ids, some of which the entries are about.
	sessions []string
	rare     string // the subject of few entries
	imported string // the newest import
	plain    bool   // that marks have no numbers
	err      error
}

// fill writes everything in one transaction, past the stores.
func fill(ctx context.Context, o storage.Options, s sizes) (*filler, error) {
	on, err := open(o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = on.Close() }()
	f := &filler{sizes: s, random: rand.New(rand.NewPCG(1, 2)), plain: o.Driver == storage.SQLite}
	if f.filled(ctx, on) {
		return f, f.err
	}
	if f.tx, err = on.BeginTx(ctx, nil); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	for _, part := range []func(context.Context){
		f.addPeople, f.addApps, f.addMappings, f.addSessions, f.addGrants, f.addQueues, f.addEntries, f.addFigures,
		f.addRecords, f.addAssignments, f.addStreams, f.addImports, f.addTraces,
	} {
		if part(ctx); f.err != nil {
			return nil, f.err
		}
	}
	if err := f.tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return f, nil
}

// filled reports whether the database is full already, and reads whom lists are about.
func (f *filler) filled(ctx context.Context, on *sql.DB) bool {
	for i := range 4 {
		var id string
		err := on.QueryRowContext(ctx, `SELECT person FROM identities WHERE connection = $1 AND subject = $2`, connection(i), fmt.Sprint("subject-", i)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return false
		}
		f.people, f.err = append(f.people, id), errors.Join(f.err, err)
	}
	f.rare = identity.Person(f.people[1]).String()
	err := on.QueryRowContext(ctx, `SELECT max(id) FROM imports`).Scan(&f.imported)
	f.err = errors.Join(f.err, err)
	return true
}

// open opens the database past the product.
func open(o storage.Options) (*sql.DB, error) {
	driver, dsn := "pgx", o.DSN
	if o.Driver == storage.SQLite {
		driver, dsn = "sqlite", "file:"+filepath.Join(o.Dir, "gatehouse.db")+"?_pragma=synchronous(OFF)&_pragma=busy_timeout(10000)"
	}
	on, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return on, nil
}

// derive has the product derive what people and issued tokens are searched by.
func (f *filler) derive(ctx context.Context, db *storage.DB, o storage.Options) error {
	for derived := false; !derived; {
		if err := db.DerivePeople(ctx); err != nil {
			return err
		}
		g, err := db.Group(ctx, identity.GroupRef{Connection: "corp", ID: "group-0"})
		if err != nil {
			return err
		}
		derived = g.Members == int64(f.sizes.people) // everybody is in it
	}
	if _, err := db.CountApps(ctx); err != nil { // which derives them
		return err
	}
	if _, err := db.CountOrphaned(ctx); err != nil { // and their owners
		return err
	}
	if err := (&activity.Counter{Store: db, Now: func() time.Time { return now }}).Run(ctx); err != nil {
		return err
	}
	on, err := open(o)
	if err != nil {
		return err
	}
	_, err = on.ExecContext(ctx, orphan)
	if err == nil && o.Driver == storage.Postgres {
		_, err = on.ExecContext(ctx, `VACUUM ANALYZE`) // what autovacuum does in its time
	}
	return errors.Join(err, on.Close())
}

// rows inserts what row returns for 0 to n-1, many with one statement.
func (f *filler) rows(ctx context.Context, table string, n int, row func(i int) []any) {
	for at := 0; at < n && f.err == nil; at += statementOf {
		var text strings.Builder
		var args []any
		for i := at; i < min(at+statementOf, n); i++ {
			values := row(i)
			text.WriteString(",(")
			for j := range values {
				if f.plain {
					text.WriteString(",?") // a number is looked for among those of all marks
				} else {
					text.WriteString(",$" + strconv.Itoa(len(args)+j+1))
				}
			}
			text.WriteString(")")
			args = append(args, values...)
		}
		query := strings.ReplaceAll(text.String()[1:], "(,", "(")
		if _, err := f.tx.ExecContext(ctx, `INSERT INTO `+table+` VALUES `+query, args...); err != nil { //nolint:gosec // G202: our own names and marks
			f.err = fmt.Errorf("fill %s: %w", table, err)
		}
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types encode
	}
	return string(b)
}

func (f *filler) pick(of []string) string { return of[f.random.IntN(len(of))] }

// addApps writes apps as an older broker does, so that what they are listed by is
// derived.
func (f *filler) addApps(ctx context.Context) {
	f.rows(ctx, `apps (id, name, client_id, body, secrets, version)`, f.apps, func(i int) []any {
		name := fmt.Sprint("listed-", i)
		a := catalog.App{ID: identity.NewID(), Name: name, Disabled: i%20 == 0, Created: now.Add(-time.Duration(i) * time.Minute), Updated: now.Add(-time.Duration(f.random.IntN(1e6)) * time.Second)}
		m := &a.Manifest
		m.Metadata = catalog.Metadata{Name: name, Title: f.pick(family) + " " + f.pick(given), Description: "An app that is made up, for a list."}
		m.Spec.Owner = catalog.Owner{Team: fmt.Sprint("team-", i%50), Primary: f.pick(given) + "@corp.example"}
		m.Spec.Entitlements = []catalog.Entitlement{{Name: "user", Groups: []string{fmt.Sprint("group-", i%200)}}}
		m.Spec.Identity = catalog.Identity{Protocol: "oidc", OIDC: &catalog.OIDC{ClientID: "client-" + name, GrantTypes: []string{"authorization_code"}, TokenEndpointAuthMethod: "none"}}
		return []any{a.ID, name, "client-" + name, text(a), "[]", 1}
	})
	if f.err == nil {
		_, f.err = f.tx.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name = 'apps'`)
	}
}

func (f *filler) addPeople(ctx context.Context) {
	f.rows(ctx, `people (id, body, disabled, version)`, f.sizes.people, func(i int) []any {
		p := directory.Person{ID: identity.NewID(), Created: now, Updated: now.Add(-time.Duration(f.random.IntN(1e6)) * time.Second), Disabled: i%50 == 0}
		first, last := f.pick(given), f.pick(family)
		p.Identities = []directory.Identity{{Connection: connection(i), Subject: fmt.Sprint("subject-", i)}}
		p.Profile = directory.Profile{
			Name: first + " " + last, GivenName: first, FamilyName: last, Username: fmt.Sprint(strings.ToLower(first), i), Locale: "de",
			Email: fmt.Sprintf("%s.%s%d@corp.example", strings.ToLower(first), strings.ToLower(last), i), EmailVerified: true, Department: "Department of Examples",
		}
		for _, g := range append([]int{0}, f.random.Perm(f.groups)[:5]...) {
			p.Groups = append(p.Groups, directory.Membership{
				Group: identity.GroupRef{Connection: "corp", ID: fmt.Sprint("group-", g)}, Source: "sign-in", ValidUntil: now.Add(time.Hour),
			})
		}
		f.people = append(f.people, p.ID)
		return []any{p.ID, text(p), p.Disabled, 1}
	})
	f.rows(ctx, `identities (connection, subject, person)`, f.sizes.people, func(i int) []any {
		return []any{connection(i), fmt.Sprint("subject-", i), f.people[i]}
	})
	f.rows(ctx, `role_assignments (person, role, created)`, 50, func(i int) []any { return []any{f.people[i], "auditor", now.UnixMicro()} })
}

// connection is corp for all but every hundredth person.
func connection(i int) string {
	if i%100 == 0 {
		return "partner"
	}
	return "corp"
}

func (f *filler) addMappings(ctx context.Context) {
	f.rows(ctx, `group_mappings (connection, group_id, name)`, f.groups/5, func(i int) []any {
		return []any{"corp", fmt.Sprint("group-", i), fmt.Sprint("team.", i)}
	})
}

func (f *filler) addSessions(ctx context.Context) {
	n := f.sizes.people / 2
	f.rows(ctx, `sessions (id, secret_hash, person, connection, body, expires, version, created)`, n, func(i int) []any {
		s := session.Session{
			ID: identity.NewID(), Person: f.pick(f.people), Authentication: identity.Authentication{Connection: connection(i), Subject: "subject", AMR: []string{"pwd", "mfa"}},
			Created: now.Add(-time.Duration(i) * time.Second), LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(8 * time.Hour),
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Address: "192.0.2.1",
		}
		f.sessions = append(f.sessions, s.ID)
		return []any{s.ID, []byte(s.ID), s.Person, connection(i), text(s), s.Until().UnixMicro(), 1, s.Created.UnixMicro()}
	})
	f.rows(ctx, `participants (session, client, app, first)`, 2*n, func(i int) []any {
		app := i % 2 * (1 + i%clients)
		return []any{f.sessions[i/2], fmt.Sprint("client-", app), fmt.Sprint("app-", app), now.UnixMicro()}
	})
}

func (f *filler) addGrants(ctx context.Context) {
	n := f.sizes.people / 2
	f.rows(ctx, `families (id, person, session, connection, app, client, offline, body, last_use, expires)`, n, func(i int) []any {
		g := grant.Family{
			ID: identity.NewID(), Created: now, LastUse: now, Expires: now.Add(24 * time.Hour),
			Subject: grant.Subject{Person: f.pick(f.people), App: fmt.Sprint("app-", i%clients), Client: fmt.Sprint("client-", i%clients), Scopes: []string{"openid", "email"}},
		}
		return []any{g.ID, g.Subject.Person, f.sessions[i], "corp", g.Subject.App, g.Subject.Client, false, text(g), now.UnixMicro(), g.Expires.UnixMicro()}
	})
	f.rows(ctx, `consents (person, app, scopes, given)`, n, func(i int) []any {
		return []any{f.people[i], fmt.Sprint("app-", i%20), "openid email", now.UnixMicro()}
	})
}

func (f *filler) addQueues(ctx context.Context) {
	state := func(i int) (state, reason string) {
		switch i % 10 {
		case 0:
			return "waiting", ""
		case 1:
			return "waiting", "the app does not answer"
		case 2:
			return "buried", "the app does not answer"
		}
		return "done", ""
	}
	f.rows(ctx, `outbox (id, body, state, due, attempt, created, reason)`, queued, func(i int) []any {
		e := event.New(now.Add(-time.Duration(i)*time.Minute), "session.ended", identity.System("fill"), identity.Session(f.pick(f.sessions)))
		s, reason := state(i)
		return []any{e.ID, text(e), s, now.UnixMicro(), 3, e.Time.UnixMicro(), reason}
	})
	f.rows(ctx, `jobs (id, queue, dedup, payload, state, due, deadline, attempt, reason, created)`, queued, func(i int) []any {
		at := now.Add(-time.Duration(i) * time.Minute)
		s, reason := state(i)
		return []any{identity.NewOrderedID(at), "logout", strconv.Itoa(i), []byte("{}"), s, now.UnixMicro(), now.UnixMicro(), 3, reason, at.UnixMicro()}
	})
}

// addEntries writes a log as a busy company has it: most of it are issued tokens.
func (f *filler) addEntries(ctx context.Context) {
	f.rare = identity.Person(f.people[1]).String()
	f.rows(ctx, `audit (id, at, type, actor, subject, body, digest, seal)`, f.entries, func(i int) []any {
		e := f.entry(i, now.Add(-time.Duration(f.entries-i)*time.Second))
		body := audit.Canonical(e)
		return []any{e.ID, e.Time.UnixMicro(), e.Type, e.Actor.String(), e.Subject.String(), body, audit.DigestOf(body), i/sealSize + 1}
	})
	seals := (f.entries + sealSize - 1) / sealSize
	f.rows(ctx, `seals (number, body)`, seals, func(i int) []any {
		return []any{i + 1, text(audit.Seal{Number: int64(i + 1), Time: now, Count: sealSize})}
	})
}

func (f *filler) entry(i int, at time.Time) event.Event {
	client := identity.Actor{Ref: identity.Client(fmt.Sprint("client-", f.random.IntN(clients)*f.random.IntN(2))), Address: "192.0.2.1", Request: identity.NewID()}
	via := identity.Actor{Ref: identity.Connection(connection(i)), Address: "192.0.2.1", Request: identity.NewID()}
	person := identity.Person(f.pick(f.people))
	switch n := f.random.IntN(1000); {
	case n < 200: // few apps exchange
		by := f.random.IntN(exchangers)
		client.ID = fmt.Sprint("client-", by)
		return event.New(at, "token.issued", client, identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)},
			"grant_type", "token-exchange", "app", fmt.Sprint("app-", by), "person", person.ID, "audience", fmt.Sprint("api-", n), "scope", "api.read", "grant", identity.NewID(),
			"mode", "delegation", "connection", connection(i), "acting", client.ID, "life", "5m0s", "rev", "7", "parent", identity.NewOrderedID(at), "parent_grant", "g", "parent_client", "client-0")
	case n < 600:
		return event.New(at, "token.issued", client, identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)},
			"grant_type", "authorization_code", "app", "app-1", "person", person.ID, "audience", "https://gate.corp.example", "scope", "openid email", "grant", identity.NewID())
	case n < 750:
		return event.New(at, "person.signed_in", via, person, "connection", connection(i))
	case n < 880:
		return event.New(at, "session.started", identity.Actor{Ref: person}, identity.Session(f.pick(f.sessions)), "person", person.ID, "connection", connection(i))
	case n < 970:
		return event.New(at, "session.ended", identity.System("sessions"), identity.Session(f.pick(f.sessions)), "person", person.ID, "reason", "expired")
	case n < 998:
		return event.New(at, "signin.failed", via, via.Ref, "rule", "upstream_denied")
	default:
		return event.New(at, f.pick([]string{"person.disabled", "app.applied", "group.mapped", "role.assigned"}), identity.Actor{Ref: identity.Person(f.people[0])}, person)
	}
}

// addFigures writes what is kept of 90 days.
func (f *filler) addFigures(ctx context.Context) {
	hours := int(activity.Keep / time.Hour)
	hour := func(i, of int) int64 {
		return now.Truncate(time.Hour).Add(-time.Duration(i/of) * time.Hour).UnixMicro()
	}
	f.rows(ctx, `signin_hours (hour, connection, outcome, reason, count)`, hours*6, func(i int) []any {
		return []any{hour(i, 6), connection(i % 2 * 99), []string{"success", "failed", "refused"}[i%3], fmt.Sprint("rule", i%6), i % 100}
	})
	f.rows(ctx, `token_hours (hour, app, client, grant_type, count)`, hours*clients, func(i int) []any {
		return []any{hour(i, clients), fmt.Sprint("app-", i%clients), fmt.Sprint("client-", i%clients), "authorization_code", i % 1000}
	})
}
