package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/login"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// connectors make and keep what speaks to each identity provider: one for each
// connection, as long as its settings are what they were.
type connectors struct {
	of         *connection.Service
	http       *http.Client
	now        func() time.Time
	log        *slog.Logger
	configured map[string]config.Connection
	saml       samlParts

	mu   sync.Mutex
	made map[string]connector
}

// connector speaks to one provider as its connection was at a version, 0 for one of
// the configuration.
type connector struct {
	version int64
	updated time.Time
	login   login.Connection
	speaks  interface { // nil when it cannot be made
		Health() (asked time.Time, failed error)
	}
}

func (c *connectors) configure(all []config.Connection) {
	c.configured, c.made = map[string]config.Connection{}, map[string]connector{}
	for _, one := range all {
		c.configured[one.ID] = one
	}
}

// all returns every connection with what speaks to its provider.
func (c *connectors) all(ctx context.Context) ([]login.Connection, error) {
	there, err := c.of.All(ctx)
	if err != nil {
		return nil, err
	}
	there = slices.DeleteFunc(slices.Clone(there), func(one connection.Connection) bool { return one.Settings.Type == config.TypeSCIM })
	all := make([]login.Connection, len(there))
	c.mu.Lock()
	defer c.mu.Unlock()
	known := map[string]connector{}
	for i, one := range there {
		id := one.Settings.ID
		kept, ok := c.made[id]
		if !ok || kept.version != one.Version || !kept.updated.Equal(one.Updated) {
			kept = c.make(ctx, one)
		}
		known[id], all[i] = kept, kept.login
	}
	c.made = known
	return all, nil
}

// make returns what speaks to a connection's provider as it is now. One that cannot
// be made fails every sign-in over it, by name, and none over another.
func (c *connectors) make(ctx context.Context, one connection.Connection) connector {
	made := connector{version: one.Version, updated: one.Updated, login: login.Connection{
		ID: one.Settings.ID, Title: one.Title(), Domains: one.Settings.Domains, SAML: one.Settings.Type == config.TypeSAML,
	}}
	cfg, err := c.settled(ctx, one)
	if err == nil && cfg.Type == config.TypeSCIM {
		err = errors.New("it is of type scim: nobody signs in over it")
	}
	if err == nil {
		made.login.Rules, err = claims.Compile(claims.Options{Expressions: cfg.Claims, GroupsClaim: cfg.Groups.Claim, Domains: cfg.Domains})
	}
	if err != nil {
		c.log.ErrorContext(ctx, "a connection cannot be used", slog.String("connection", one.Settings.ID), slog.Any("error", err))
		unusable := fault.Wrap(err, fault.Unavailable, "connection_unusable", "this connection cannot be used as it is kept: an administrator has to look at its settings")
		made.login.Connector, made.updated = broken{identity.Refuse(unusable, "settings", "settings that are right", err.Error())}, time.Time{}
		return made
	}
	if cfg.Type == config.TypeSAML {
		speaks := upstream.NewSAML(c.samlOptions(cfg))
		made.speaks, made.login.Connector = speaks, speaks
		return made
	}
	speaks := upstream.New(upstream.Options{
		ID: cfg.ID, Issuer: cfg.Issuer, Tenants: cfg.AllowedTenants, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret.Reveal(), Scopes: cfg.Scopes,
		Algorithms: cfg.Algorithms, UserInfo: cfg.UserInfo, Subjects: subjectsOf(cfg.Exchange, c.saml.issuer), Seen: c.saml.seen, HTTP: c.http, Now: c.now, Log: c.log,
	})
	made.speaks, made.login.Connector = speaks, speaks
	return made
}

// fresh returns a connection with what speaks to its provider and remembers nothing
// of it yet.
func (c *connectors) fresh(ctx context.Context, id string) (login.Connection, error) {
	one, err := c.of.Get(ctx, id)
	if err != nil {
		return login.Connection{}, err
	}
	return c.make(ctx, one).login, nil
}

// settled is a connection as the configuration has it or would have it.
func (c *connectors) settled(ctx context.Context, one connection.Connection) (config.Connection, error) {
	if one.Source == connection.Configured {
		return c.configured[one.Settings.ID], nil
	}
	cfg, err := configOf(one.Settings)
	if err != nil {
		return cfg, err
	}
	secret, err := c.of.Secret(ctx, one.Settings.ID)
	cfg.ClientSecret = config.Secret(secret)
	return cfg, err
}

// health tells how a connection's last discovery went, as far as this replica asked.
func (c *connectors) health(id string) (asked time.Time, failed error) {
	c.mu.Lock()
	made := c.made[id]
	c.mu.Unlock()
	if made.speaks == nil {
		return time.Time{}, nil
	}
	return made.speaks.Health()
}

// broken stands for a provider that cannot be spoken to.
type broken struct{ why error }

// Begin fails.
func (b broken) Begin(context.Context, identity.Challenge) (identity.Departure, error) {
	return identity.Departure{}, b.why
}

// Finish fails.
func (b broken) Finish(context.Context, url.Values, []byte) (identity.Assertion, error) {
	return identity.Assertion{}, b.why
}

// configOf is a connection's settings as the configuration would have them.
func configOf(s connection.Settings) (config.Connection, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return config.Connection{}, fmt.Errorf("encode the connection: %w", err)
	}
	return config.ParseConnection(text, nil)
}

// reading reads connections as of now: see connection.Options.
func reading(now func() time.Time) func(text []byte, others []connection.Settings) (connection.Settings, string, error) {
	return func(text []byte, others []connection.Settings) (connection.Settings, string, error) {
		return readConnection(text, others, now())
	}
}

// readConnection reads a connection by the rules of the configuration, and of claim
// rules.
func readConnection(text []byte, others []connection.Settings, now time.Time) (connection.Settings, string, error) {
	beside := make([]config.Connection, len(others))
	for i, o := range others {
		beside[i] = config.Connection{ID: o.ID, Domains: o.Domains}
	}
	c, err := config.ParseConnection(text, beside)
	var faults strictyaml.Faults
	if err != nil && !errors.As(err, &faults) {
		return connection.Settings{}, "", err
	}
	for _, f := range ruleFaults(c, now) {
		if !faults.Covers(f.File, f.Path) {
			faults = append(faults, f)
		}
	}
	return settingsOf(c), c.ClientSecret.Reveal(), faults.Err()
}

// ruleFaults says what is wrong with each claim rule of a connection, and with metadata
// that it brings along.
func ruleFaults(c config.Connection, now time.Time) (faults strictyaml.Faults) {
	for _, field := range slices.Sorted(maps.Keys(c.Claims)) {
		if _, err := claims.Compile(claims.Options{Expressions: map[string]string{field: c.Claims[field]}}); err != nil {
			faults = append(faults, strictyaml.Fault{File: "connection", Path: "claims." + field, Message: fault.As(err).Detail})
		}
	}
	if err := metadataFault(c, now); err != nil {
		faults = append(faults, strictyaml.Fault{File: "connection", Path: "saml.metadata", Message: err.Error()})
	}
	return faults
}

// settingsOf are a connection's settings, without its secret.
func settingsOf(c config.Connection) connection.Settings {
	return connection.Settings{
		ID: c.ID, Title: c.Title, Type: c.Type, Issuer: c.Issuer, ClientID: c.ClientID, Scopes: c.Scopes, Domains: c.Domains, Algorithms: c.Algorithms,
		UserInfo: c.UserInfo, AllowedTenants: c.AllowedTenants, Claims: c.Claims, Groups: &connection.Groups{Claim: c.Groups.Claim},
		Exchange: exchangeSettings(c.Exchange), SAML: samlSettings(c), SCIM: scimSettings(c.SCIM),
	}
}

// configured are the connections of the configuration.
func configured(all []config.Connection) []connection.Connection {
	list := make([]connection.Connection, len(all))
	for i, c := range all {
		list[i] = connection.Connection{Settings: settingsOf(c), Source: connection.Configured, HasSecret: c.ClientSecret != ""}
	}
	return list
}
