package app

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/ssf"
)

// expireSignalsEvery is far below how long a signal waits at most.
const expireSignalsEvery = 10 * time.Minute

// signals is the transmitter of shared signals.
type signals struct {
	service  *signal.Service
	sender   *signal.Sender
	pusher   *signal.Pusher
	teller   *signal.Teller
	notebook *signal.Notebook
	face     *ssf.Transmitter
}

func (p *parts) openSignals(ctx context.Context) error {
	s := &p.signals
	guard := httpx.Guard{AllowedNetworks: p.cfg.Outgoing.AllowNetworks}
	s.sender = signal.NewSender(signal.SenderOptions{Store: p.db, Clients: p.registry, Minter: p.minter, Jobs: p.jobs, Now: p.now})
	s.service = signal.NewService(signal.Options{
		Store: p.db, Sealer: p.vault, Allowed: guard.Check, Now: p.now, Queued: func() { s.pusher.Notify() },
		Created: func(ctx context.Context) error { return s.notebook.Refresh(ctx) },
	})
	s.pusher = signal.NewPusher(signal.PusherOptions{
		Sender: s.sender, Authorization: s.service.Authorization, HTTP: p.client, Log: p.log, Pushed: p.metrics.Pushed,
	})
	s.teller = signal.NewTeller(signal.TellerOptions{
		Issuer: p.cfg.Issuer, Store: p.db, Clients: p.registry, People: p.db, Grants: p.db, Exchanges: p.exchanges, Entitlements: p.entitlements, Queued: s.pusher.Notify,
	})
	s.notebook = signal.NewNotebook(signal.NotebookOptions{Issuer: p.cfg.Issuer, Store: p.db, Audiences: p.registry, Now: p.now})
	return s.notebook.Refresh(ctx)
}

// wanted says of an event whether there is anything to do in consequence.
func (p *parts) wanted(typ string) bool {
	return !signal.Frequent(typ) || p.signals.notebook != nil && p.signals.notebook.Listened()
}

func (p *parts) openSignalsFace(l limits) (err error) {
	s := &p.signals
	s.face, err = ssf.New(ssf.Options{
		Issuer: p.cfg.Issuer, Streams: s.service, Mailbox: s.service, Sender: s.sender, Verifier: p.verifier, Clients: p.registry,
		Address: l.provider.Address, Client: l.provider.Client, Actor: httpx.Actor, Going: p.going.Load, Now: p.now, Log: p.log,
	})
	return err
}

// tell has the transmitter work: of what the outbox says, and at its own times.
func (s *signals) tell(p *parts) {
	p.outbox.HandleRevoking(grant.SharedSignals, s.teller.Handle)
	for _, typ := range signal.Handled() {
		p.outbox.Handle(typ, grant.SharedSignals, s.teller.Handle)
	}
	p.jobs.Handle(signal.RefusedQueue, s.sender.Refused)
	p.jobs.Every("old-signals", expireSignalsEvery, s.service.Expire)
	p.jobs.Every("signal-secrets", keysEvery, s.service.Reseal)
}
