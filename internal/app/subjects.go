package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/login"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// tokenEndpoint is where apps exchange tokens: the recipient of assertions that they
// bring.
func tokenEndpoint(issuer string) string { return issuer + "/token" }

// subjectsOf says which tokens or assertions of a connection may be brought; ours are
// the audiences that always count.
func subjectsOf(e config.Exchange, ours ...string) upstream.Subjects {
	return upstream.Subjects{
		Clients: e.Clients, Audiences: append(ours, e.Audiences...), Types: e.Types, MaxAge: e.MaxAge, Once: e.Once, ACR: e.ACR, AMR: e.AMR,
	}
}

// exchangeSettings are the same as they are stored and shown; nil where none may be.
func exchangeSettings(e config.Exchange) *connection.Exchange {
	if len(e.Clients) == 0 {
		return nil
	}
	return &connection.Exchange{
		Clients: e.Clients, Audiences: e.Audiences, Recipients: e.Recipients, Types: e.Types, MaxAge: written(e.MaxAge), Once: e.Once, ACR: e.ACR, AMR: e.AMR,
	}
}

// subjects verify what apps bring that other issuers made: they implement
// tokenexchange.ForeignVerifier and Abroad by the connections that allow it.
type subjects struct {
	connectors *connectors
	enabled    func(ctx context.Context, connection string) (bool, error)
	// meant reports whether who has the client_id is who the connection means by it.
	meant func(ctx context.Context, connection, client string) (bool, error)
}

// meant reports whether the app that has a client_id is the one that a connection means
// which lets it bring its provider's tokens: one that was given up since means who had it.
func (p *parts) meant(ctx context.Context, connection, client string) (bool, error) {
	app, err := p.db.LapsedClient(ctx, connection, client)
	if err != nil || app == "" {
		return err == nil, err
	}
	c, err := p.registry.Client(ctx, client)
	if errors.Is(err, registry.ErrClientNotFound) {
		return false, nil
	}
	return err == nil && c.App == app, err
}

// named are the client ids that the connections of the configuration let bring their
// provider's tokens, by connection.
func named(all []config.Connection) map[string][]string {
	clients := map[string][]string{}
	for _, c := range all {
		clients[c.ID] = slices.Sorted(maps.Keys(c.Exchange.Clients))
	}
	return clients
}

// The refusals of what no connection takes.
var (
	errNoConnection = fault.New(fault.Denied, "token_not_allowed", "the subject_token is of an issuer whose tokens this client may not bring")
	errTwo          = fault.New(fault.Denied, "token_connection", "the subject_token's issuer is that of two connections whose tokens this client may bring: it cannot be told whose people they are")
)

// Subject verifies a token or assertion of the type identifier kind for the client that
// brings it.
func (s subjects) Subject(ctx context.Context, client, kind, raw string) (identity.SubjectToken, error) {
	if kind == upstream.KindAssertion {
		return s.assertion(ctx, client, raw)
	}
	c, err := s.issuing(ctx, client, upstream.TokenIssuer(raw))
	if err != nil {
		return identity.SubjectToken{}, err
	}
	return c.Subject(ctx, client, kind, raw)
}

// assertion asks the connection whose assertion it is. One that is encrypted does not
// say: each that the client may bring one of is asked.
func (s subjects) assertion(ctx context.Context, client, encoded string) (t identity.SubjectToken, err error) {
	raw, issuer, err := upstream.BroughtAssertion(encoded)
	if err != nil {
		return identity.SubjectToken{}, err
	}
	found, err := s.asserting(ctx, client, issuer)
	if err != nil {
		return identity.SubjectToken{}, err
	}
	var refused []error
	for _, one := range found {
		if t, err = one.Subject(ctx, client, raw); err == nil {
			return t, nil
		}
		refused = append(refused, err)
	}
	return identity.SubjectToken{}, worst(refused)
}

// Assume implements tokenexchange.Abroad by the checks of Subject. A connection that is
// no more, or that nobody signs in over, is not found.
func (s subjects) Assume(ctx context.Context, client, id, kind string) (as string, t identity.SubjectToken, err error) {
	all, err := s.connectors.all(ctx)
	if err != nil {
		return kind, t, err
	}
	i := slices.IndexFunc(all, func(c login.Connection) bool { return c.ID == id })
	if i < 0 {
		return kind, t, connection.ErrNotFound
	}
	switch asked := all[i].Connector.(type) {
	case *upstream.Connection:
		if kind = cmp.Or(kind, upstream.KindJWT); kind == upstream.KindAssertion {
			return kind, t, policy.ErrSubjectType
		}
		if err = s.means(ctx, id, client); err == nil {
			t, err = s.assumeToken(ctx, client, kind, asked)
		}
	case *upstream.SAML:
		if kind = cmp.Or(kind, upstream.KindAssertion); kind != upstream.KindAssertion {
			return kind, t, policy.ErrSubjectType
		}
		if err = s.means(ctx, id, client); err == nil {
			t, err = s.assumeAssertion(ctx, client, asked)
		}
	default: // no connection has its issuer as long as its settings are wrong
		err = identity.Refuse(errNoConnection, "settings", "a connection that can be used", "one whose settings are wrong")
	}
	return kind, t, err
}

// means refuses a client that has the client_id of another app than the connection meant.
func (s subjects) means(ctx context.Context, connection, client string) error {
	meant, err := s.meant(ctx, connection, client)
	if err == nil && !meant {
		err = identity.Refuse(errNoConnection, "client", "the app that had this client_id when exchange.clients named it", "another app, which has it since: take it out there, and name it anew")
	}
	return err
}

// assumeToken asks the connection that would take the provider's tokens, which another
// of the same issuer may be. Who is asked about does not say of which tenant: each of
// them is looked at.
func (s subjects) assumeToken(ctx context.Context, client, kind string, asked *upstream.Connection) (identity.SubjectToken, error) {
	takes := asked
	for _, issuer := range asked.Issuers() {
		c, err := s.issuing(ctx, client, issuer)
		if errors.Is(err, errNoConnection) { // the connection itself says why
			break
		}
		if err != nil {
			return identity.SubjectToken{}, err
		}
		takes = c
	}
	return takes.Assume(client, kind)
}

// assumeAssertion does the same with an assertion.
func (s subjects) assumeAssertion(ctx context.Context, client string, asked *upstream.SAML) (identity.SubjectToken, error) {
	found, err := s.asserting(ctx, client, asked.Issuer())
	switch {
	case errors.Is(err, errNoConnection):
		return asked.Assume(client)
	case err != nil:
		return identity.SubjectToken{}, err
	}
	return found[0].Assume(client)
}

// issuing is the connection whose tokens, of this issuer, the client may bring.
func (s subjects) issuing(ctx context.Context, client, issuer string) (*upstream.Connection, error) {
	found, err := taking(ctx, s, client, func(c *upstream.Connection) bool { return c.Subjects().May(client) && c.Issues(issuer) })
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, errNoConnection
	case len(found) > 1:
		return nil, errTwo
	}
	return found[0], nil
}

// asserting are the connections whose assertions the client may bring: one of an issuer,
// and all for want of one.
func (s subjects) asserting(ctx context.Context, client, issuer string) ([]*upstream.SAML, error) {
	found, err := taking(ctx, s, client, func(c *upstream.SAML) bool { return c.Subjects().May(client) && (issuer == "" || c.Issues(issuer)) })
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, errNoConnection
	case len(found) > 1 && issuer != "":
		return nil, errTwo
	}
	return found, nil
}

// worst is the one of several errors that is to be told: that it cannot be said comes
// before that it is not so.
func worst(all []error) error {
	for _, err := range all {
		if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Internal {
			return err
		}
	}
	return all[len(all)-1]
}

// taking are the connections of a protocol that a question picks. Those that are
// switched off take nothing, and nobody asks their provider for anything; so do those
// that mean another app by the client's id.
func taking[C any](ctx context.Context, s subjects, client string, pick func(C) bool) ([]C, error) {
	all, err := s.connectors.all(ctx)
	if err != nil {
		return nil, err
	}
	var found []C
	disabled := false
	for _, one := range all {
		c, ok := one.Connector.(C)
		if !ok || !pick(c) {
			continue
		}
		if meant, err := s.meant(ctx, one.ID, client); err != nil {
			return nil, err
		} else if !meant {
			continue
		}
		on, err := s.enabled(ctx, one.ID)
		if err != nil {
			return nil, err
		}
		if !on {
			disabled = true
			continue
		}
		found = append(found, c)
	}
	if len(found) == 0 && disabled {
		return nil, directory.ErrConnectionDisabled
	}
	return found, nil
}
