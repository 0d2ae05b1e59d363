package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/telemetry"
)

// How often periodic work is done.
const (
	sealEvery   = time.Second
	countEvery  = 2 * time.Second
	checkEvery  = 10 * time.Second
	keysEvery   = time.Minute
	expireEvery = 30 * time.Second
	// ownersEvery is for owners who are gone by what no event tells of.
	ownersEvery = time.Hour
	// pruneEvery is far below what is kept, so that no night has much to delete.
	pruneEvery = time.Hour
	// importEvery is how soon a large import goes on.
	importEvery = time.Second
)

// serve starts the workers and the two servers.
func (b *Broker) serve(ctx context.Context, o Options) error {
	listener := o.Listener
	if listener == nil {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", b.cfg.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	socket, err := listenSocket(ctx, b.cfg.Socket)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	b.address = listener.Addr().String()
	// Workers go on until the last request is answered.
	working, rest := context.WithCancel(context.WithoutCancel(ctx))
	b.work(working)
	p := b.parts
	handler := p.leaving(p.around(p.faces.ui.Serve(p.public())))
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	management := http.NewServeMux()
	p.faces.api.Mount(management, api.Operator)
	management.HandleFunc("POST /backup", p.backup)
	servers := []*http.Server{b.listen(listener, handler), b.listen(socket, p.around(management))}
	b.group.Go(func() error {
		<-ctx.Done()
		defer rest()
		return b.leave(context.WithoutCancel(ctx), servers)
	})
	p.log.InfoContext(ctx, "serving", slog.String("issuer", b.cfg.Issuer), slog.String("address", b.address), slog.String("socket", b.cfg.Socket))
	return nil
}

// work starts everything that runs beside requests.
func (b *Broker) work(ctx context.Context) {
	p := b.parts
	for _, typ := range endingEvents {
		p.outbox.Handle(typ, grant.LogoutOfApps, p.faces.provider.SessionsEnded)
	}
	for _, typ := range lostEvents {
		p.outbox.Handle(typ, grant.LogoutOfApps, p.faces.provider.AccessLost)
	}
	for _, typ := range ownership.Handled() {
		p.outbox.Handle(typ, grant.OwnersSucceed, p.owners.Handle)
	}
	for _, typ := range leavingEvents {
		p.outbox.Handle(typ, grant.RequestsWithdraw, p.admin.Withdraw)
	}
	p.jobs.Handle(grant.LogoutQueue, p.faces.provider.DeliverLogout)
	p.jobs.Handle(entitlement.EndQueue, p.assignments.Expire)
	p.jobs.Handle(access.SweepQueue, p.db.SweepAccess)
	p.signals.tell(p)
	var rest func(context.Context, time.Duration) error
	if p.cfg.Database.Driver == storage.SQLite { // it has one writer, which tokens wait for
		rest = job.Rest
	}
	sealer := &audit.Sealer{Store: p.db, Signer: p.ring, Now: p.now, Rest: rest}
	p.jobs.Every("audit-seal", sealEvery, func(ctx context.Context) error { _, err := sealer.Seal(ctx); return err })
	p.follow()
	counter := &activity.Counter{Store: p.db, Now: p.now, Rest: rest}
	p.jobs.Every("activity", countEvery, counter.Run)
	p.jobs.Every("audit-check", checkEvery, p.checkAudit)
	p.jobs.Every("signing-keys", keysEvery, p.ring.Advance)
	p.jobs.Every("saml-keys", keysEvery, p.saml.Advance)
	p.jobs.Every("connection-secrets", keysEvery, p.connections.Reseal)
	p.jobs.Every("expired-sessions", expireEvery, p.sessions.EndExpired)
	p.jobs.Every("derive-people", keysEvery, p.db.DerivePeople)
	p.jobs.Every("derive-apps", keysEvery, p.db.DeriveApps)
	p.jobs.Every("date-sessions", keysEvery, p.db.DateSessions)
	p.jobs.Every("owners", ownersEvery, p.owners.Check)
	p.jobs.Every("imports", importEvery, p.porting.Run)
	p.jobs.Every("prune", pruneEvery, func(ctx context.Context) error { return p.db.Prune(ctx, p.now()) })
	for _, run := range []func(context.Context) error{p.revocations.Run, p.registry.Run, p.ring.Run, p.saml.Run, p.outbox.Run, p.jobs.Run, p.keepMark, p.faces.login.Run, p.records.Run, p.readMetadata, p.signals.pusher.Run, p.signals.notebook.Run} {
		b.group.Go(func() error {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
}

// checkAudit verifies what was sealed since it last did, with the keys of now.
func (p *parts) checkAudit(ctx context.Context) error {
	verifiers, err := keys.LoadVerifiers(ctx, p.db)
	if err != nil {
		return err
	}
	checker := &audit.Checker{Log: p.db, Store: p.db, Now: p.now, Verify: verifiers.VerifyHead}
	return checker.Run(ctx)
}

// around puts the middleware around a mux, outermost first: edge, trace, log, recover.
func (p *parts) around(mux http.Handler) http.Handler {
	recovered := httpx.Recover(func(r *http.Request, err error, stack []byte) {
		p.log.ErrorContext(r.Context(), "panic", slog.Any("error", err), slog.String("stack", string(stack)))
	}, mux)
	large := map[string]int64{"/scim/v2/": scim.DefaultLimits().Payload}
	return httpx.Edge(httpx.EdgeOptions{Prefix: p.issuer.Path, TrustedProxies: p.cfg.TrustedProxies, Secure: p.secure(), Large: large},
		p.tracer.Requests(telemetry.Requests(p.log, p.metrics, p.now, recovered)))
}

// leave says that the broker is going, serves for as long as a load balancer needs
// to notice, and then lets requests under way finish.
func (b *Broker) leave(ctx context.Context, servers []*http.Server) error {
	b.parts.going.Store(true)
	time.Sleep(b.cfg.Shutdown.Delay)
	b.parts.revocations.Release()
	drain, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	errs := make([]error, len(servers))
	var group sync.WaitGroup
	for i, s := range servers {
		group.Go(func() {
			if err := s.Shutdown(drain); err != nil {
				errs[i] = errors.Join(err, s.Close())
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// leaving asks clients for a new connection, which leads elsewhere, once the broker
// is going: none is left to be cut off between two requests.
func (p *parts) leaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.going.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// listen serves until the server is shut down.
func (b *Broker) listen(l net.Listener, h http.Handler) *http.Server {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 120 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(b.parts.log.Handler(), slog.LevelWarn),
	}
	b.group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		return nil
	})
	return server
}

// listenSocket opens the Unix socket of the management API for its owner alone.
// The data directory's lock is held, so a socket that is there is a dead one.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("socket: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("socket: %w", err), l.Close())
	}
	return l, nil
}
