package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
	"github.com/gatehouse-io/gatehouse/internal/telemetry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// endingEvents are the events that end sessions, and so lead to back-channel logout.
var endingEvents = []string{"session.ended", "person.disabled", record.PersonLeft, "connection.disabled", "connection.removed", "person.revoked", "connection.revoked"}

// leavingEvents are the events by which people leave, and so what they asked for is closed.
var leavingEvents = []string{record.PersonLeft, "person.disabled", "connection.disabled", "connection.removed"}

// lostEvents are the events that take an app from a person, which its clients hear of.
var lostEvents = []string{"access.lost", "install.revoked"}

// parts are everything that a broker is made of, in the order it is assembled.
type parts struct {
	cfg     config.Config
	issuer  *url.URL
	clock   *clock
	now     func() time.Time // by clock
	sinks   sinks
	log     *slog.Logger
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer // nil without a collector
	lock    *os.File
	going   atomic.Bool  // told to stop
	client  *http.Client // the guarded one

	presence *backups.Presence
	marks    marks
	marked   bool // the database is what the marks say: they may move on
	db       *storage.DB
	memory   cache.Engine
	vault    *keys.Vault
	ring     *keys.Ring // signs tokens
	saml     *keys.Ring // signs SAML messages

	revocations *revoke.Sequence
	trail       *audit.Log
	outbox      *event.Dispatcher
	jobs        *job.Runner
	minter      *token.Minter
	exchanges   *grant.Tree
	verifier    *token.Verifier

	connections  *connection.Service
	people       *directory.Service
	records      *record.Service
	apps         *catalog.Service
	owners       *ownership.Service
	registry     *registry.Registry
	entitlements *entitlement.Checker
	assignments  *entitlement.Service
	explainer    *entitlement.Explainer
	porting      *porting.Service
	admin        *admin.Service
	sessions     *session.Manager
	signals      signals
	faces        faces
}

// assemble builds everything and reads what must be known before the first
// request: keys, revocations, mappings, manifests.
func (p *parts) assemble(ctx context.Context, o Options) error {
	for _, step := range []func(context.Context, Options) error{
		p.openGround, p.openStores, p.openServices, p.openFaces, p.seed,
	} {
		if err := step(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) openGround(ctx context.Context, o Options) (err error) {
	if err = p.openSinks(o.Log); err != nil {
		return err
	}
	if p.log, err = logger(p.sinks.log, p.cfg.Log.Level); err != nil {
		return err
	}
	p.clock.setBack = func(by time.Duration) {
		p.log.WarnContext(ctx, "the machine's clock was set back, and ours goes on: put the machine's right, or ours runs slower until the two agree", slog.Duration("by", by))
	}
	if p.issuer, err = url.Parse(p.cfg.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if p.lock, err = lockDataDir(p.cfg.DataDir); err != nil {
		return err
	}
	p.metrics = telemetry.NewMetrics()
	if p.cfg.Tracing.Endpoint != "" {
		p.tracer, err = telemetry.NewTracer(ctx, telemetry.TraceOptions{Endpoint: p.cfg.Tracing.Endpoint, Ratio: p.cfg.Tracing.Ratio, Log: p.log})
		if err != nil {
			return err
		}
	}
	p.client = httpx.NewClient(httpx.OutgoingOptions{
		AllowedNetworks: p.cfg.Outgoing.AllowNetworks, Timeout: p.cfg.Outgoing.Timeout, MaxBytes: p.cfg.Outgoing.MaxBytes,
	})
	p.vault, err = newVault(p.cfg)
	return err
}

func newVault(cfg config.Config) (*keys.Vault, error) {
	var all [][]byte
	for _, s := range append([]config.Secret{cfg.EncryptionKey}, cfg.PreviousEncryptionKeys...) {
		b, err := base64.StdEncoding.DecodeString(s.Reveal())
		if err != nil {
			return nil, errors.New("encryption_key: it is not base64")
		}
		all = append(all, b)
	}
	v, err := keys.NewVault(all[0], all[1:]...)
	if err != nil {
		return nil, fmt.Errorf("encryption_key: %w", err)
	}
	return v, nil
}

func (p *parts) openStores(ctx context.Context, _ Options) (err error) {
	options := storage.Options{
		Driver: p.cfg.Database.Driver, Dir: p.cfg.DataDir, DSN: p.cfg.Database.DSN.Reveal(), OutboxTypes: slices.Concat(endingEvents, lostEvents, signal.Handled(), ownership.Handled(), leavingEvents), OutboxRevoking: true, OutboxWanted: p.wanted,
		Raised: func(ctx context.Context) error {
			// The change is committed: it is followed although the caller may have left.
			return p.revocations.Sync(context.WithoutCancel(ctx))
		},
		Queued: func() { p.outbox.Notify() }, Now: p.now, Log: p.log,
	}
	if p.presence, err = backups.Occupy(ctx, options, false); err != nil {
		return err
	}
	now, err := backups.ReadMark(ctx, options)
	if err != nil {
		return err
	}
	// On a new database nothing can have been seen before.
	born := p.now()
	if now.Era == "" {
		born = time.Time{}
	}
	if p.memory, err = p.openMemory(ctx, born); err != nil {
		return err
	}
	p.marks = newMarks(p.cfg, p.memory)
	if err := p.marks.check(ctx, now); err != nil {
		return err
	}
	if p.db, err = storage.Open(ctx, options); err != nil {
		return err
	}
	p.marked = true
	p.revocations = revoke.New(revoke.Options{
		Store: p.db, Bus: p.memory, Now: p.now, Log: p.log, Staleness: p.cfg.Revocation.Staleness,
	})
	p.registry = registry.New(registry.Options{
		Store: p.db, Applied: p.revocations.Applied, Now: p.now, Log: p.log,
		ThirdParty: func(name string) bool { return slices.Contains(p.cfg.Policy.ThirdParty, name) },
		Launch:     func(name string) string { return idp.LaunchURI(p.cfg.Issuer, name) },
	})
	p.ring = keys.NewRing(keys.RingOptions{
		Store: p.db, Vault: p.vault, Now: p.now, Log: p.log, Lead: p.cfg.Keys.Lead, Overlap: p.cfg.Keys.Overlap, Rotate: p.cfg.Keys.RotateEvery,
	})
	p.saml = keys.NewRing(samlRing(p.cfg, p.db.SAMLKeys(), p.vault, p.now, p.log))
	p.connections = connection.New(connection.Options{Store: p.db, Sealer: p.vault, Configured: configured(p.cfg.Connections), Read: reading(p.now), Now: p.now})
	if err := p.db.NameClients(ctx, named(p.cfg.Connections)); err != nil {
		return err
	}
	p.people = directory.NewService(directory.Options{
		People: p.db, Groups: p.db, Connections: p.db, Known: p.connections.Known, Provisioning: p.provisioning, Spared: p.spared, Applied: p.revocations.Applied, Now: p.now,
	})
	p.revocations.Watch(p.people.Invalidate)
	p.revocations.Watch(p.registry.Invalidate)
	p.revocations.Watch(p.connections.Invalidate)
	p.revocations.Watch(func(e revoke.Entry) { p.ring.Revoked(e.Ref); p.saml.Revoked(e.Ref) })
	if err := p.revocations.Start(ctx); err != nil {
		return err
	}
	p.outbox = event.NewDispatcher(event.Options{Outbox: p.db.Outbox(), Now: p.now, Log: p.log})
	p.jobs = job.New(job.Options{Store: p.db.Jobs(), Holder: identity.NewID(), Now: p.now, Log: p.log})
	p.trail = audit.NewLog(p.db, audit.LogOptions{Window: p.cfg.Audit.Window})
	// A first start makes a key of each algorithm, which takes as long as all the rest.
	var loading errgroup.Group
	for _, ring := range p.rings() {
		loading.Go(func() error { return ring.Load(ctx) })
	}
	loading.Go(func() error { return p.connections.Reserve(ctx) })
	return loading.Wait()
}

// samlRing describes the ring of the keys for SAML.
func samlRing(cfg config.Config, store keys.Store, vault *keys.Vault, now func() time.Time, log *slog.Logger) keys.RingOptions {
	return keys.RingOptions{
		Store: store, Vault: vault, Now: now, Log: log, Algorithms: []keys.Algorithm{keys.SAML},
		Lead: cfg.Keys.SAMLLead, Overlap: cfg.Keys.Overlap, Rotate: cfg.Keys.SAMLRotateEvery,
	}
}

// rings are all keys that operators look after.
func (p *parts) rings() keys.Rings { return keys.Rings{p.ring, p.saml} }

// openMemory returns the memory that the replicas share, or one in this process.
func (p *parts) openMemory(ctx context.Context, born time.Time) (cache.Engine, error) {
	if p.cfg.Redis.URL == "" {
		return cache.NewMemory(p.now, born), nil
	}
	return cache.OpenRedis(ctx, cache.RedisOptions{
		URL: p.cfg.Redis.URL.Reveal(), Prefix: p.cfg.Redis.Prefix, Born: born, Now: p.now, Log: p.log,
	})
}

func (p *parts) openServices(ctx context.Context, _ Options) error {
	if err := fourEyes(p.cfg.Admin.FourEyes); err != nil {
		return err
	}
	p.entitlements = entitlement.NewChecker(p.people, p.db, p.now)
	p.explainer = entitlement.NewExplainer(p.db, p.now)
	p.admin = admin.New(admin.Options{
		Store: p.db, Changes: p.db, Directory: p.db, Groups: p.people, Members: members(p.cfg.Admin), FourEyes: p.cfg.Admin.FourEyes, Now: p.now,
		ConnectionEnabled: p.people.ConnectionEnabled,
	})
	p.records = record.NewService(record.Options{Store: p.db.Records(), Policy: p.scimPolicy, Now: p.now, Log: p.log})
	p.apps = catalog.NewService(catalog.Options{Store: p.db, Issuer: p.cfg.Issuer, Now: p.now, Changed: func(ctx context.Context) {
		if err := p.registry.Refresh(ctx); err != nil {
			p.log.WarnContext(ctx, "the catalog's change is not known here yet", slog.Any("error", err))
		}
	}})
	p.owners = ownership.NewService(ownership.Options{Store: p.db, People: p.db, Enabled: p.people.ConnectionEnabled, Now: p.now, Log: p.log})
	p.assignments = entitlement.NewService(entitlement.Options{Store: p.db, Apps: p.apps, Now: p.now, Changed: p.entitlements.Forget})
	p.openPorting()
	p.sessions = session.New(session.Options{
		Store: p.db, People: p.people, Revocations: p.revocations, Era: p.db.Era(), Now: p.now,
		Idle: p.cfg.Session.Idle, Absolute: p.cfg.Session.Absolute, Cookie: "gatehouse", Secure: p.secure(), Prefix: p.issuer.Path, Actor: httpx.Actor,
	})
	p.exchanges = grant.NewTree(grant.TreeOptions{Nodes: p.db, Record: p.db.Record, Revocations: p.revocations, Now: p.now})
	p.minter = token.NewMinter(token.MinterOptions{Issuer: p.cfg.Issuer, Ring: p.ring, Now: p.now})
	p.verifier = token.NewVerifier(token.VerifierOptions{
		Issuer: p.cfg.Issuer, Era: p.db.Era, Keys: p.ring, Revocations: p.revocations, Now: p.now,
	})
	return p.openSignals(ctx)
}

// exclusive takes a named lock that the replicas share.
func (p *parts) exclusive(ctx context.Context, name string) (unlock func(), err error) {
	return job.Lock(ctx, p.db.Jobs(), name, p.now)
}

// members names the groups that give roles.
func members(c config.Admin) map[admin.Role][]string {
	return map[admin.Role][]string{
		admin.Admin: c.Admins, admin.SecurityReviewer: c.SecurityReviewers, admin.Approver: c.Approvers,
		admin.AppOwner: c.AppOwners, admin.Auditor: c.Auditors,
	}
}

func (p *parts) secure() bool { return p.issuer.Scheme == "https" }

// seed applies what the configuration names: mappings that are not there yet, and
// the manifests of a folder, which add and update and never remove.
func (p *parts) seed(ctx context.Context, _ Options) error {
	have, err := p.db.Mappings(ctx)
	if err != nil {
		return err
	}
	actor := identity.System("configuration")
	for _, m := range p.cfg.Mappings {
		g := identity.GroupRef{Connection: m.Connection, ID: m.Group}
		if slices.ContainsFunc(have, func(h directory.Mapping) bool { return h.Group == g }) {
			continue
		}
		if err := p.people.Map(ctx, directory.Mapping{Group: g, Name: m.Name}, actor); err != nil {
			return fmt.Errorf("mappings: %w", err)
		}
	}
	if p.cfg.Apps.Folder == "" {
		return nil
	}
	if _, err := p.apps.ApplyFolder(ctx, os.DirFS(p.cfg.Apps.Folder), false, actor); err != nil {
		return fmt.Errorf("apps.folder: %w", err)
	}
	return nil
}

// close ends what assemble opened, in the opposite order.
func (p *parts) close() error {
	if p.trail != nil {
		p.trail.Close()
	}
	errs := []error{p.tracer.Close()}
	if p.marked {
		p.lastMark()
	}
	if p.memory != nil {
		errs = append(errs, p.memory.Close())
	}
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	errs = append(errs, p.presence.Close())
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
	}
	return errors.Join(append(errs, p.sinks.close())...)
}
