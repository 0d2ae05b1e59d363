package app

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// openSCIM makes what answers SCIM clients.
func (p *parts) openSCIM(l limits) *scim.Server {
	return scim.New(scim.Options{
		Issuer: p.cfg.Issuer, Tokens: scimTokens{p.cfg.Issuer, p.records, p.verifier}, Connections: &scimProfiles{parts: p},
		Users: p.records, Groups: p.records, Members: p.records, Batch: p.records, Operations: p.records,
		Requests: l.scim, Failures: l.provider.AddressFailures, Now: p.now, Log: p.log,
	})
}

// scimAudience is what access tokens for a connection's SCIM are for, and scimScope the
// scope that they have.
func scimAudience(issuer, connection string) string { return issuer + "/scim/v2/" + connection }

func scimScope(connection string) string { return "scim:" + connection }

// scimTokens knows both kinds of token that open a connection: its own, and access
// tokens that a client got for itself with the scope of the connection.
type scimTokens struct {
	issuer   string
	records  *record.Service
	verifier *token.Verifier
}

// Authenticate implements scim.Authenticator. A JWT is looked at as one of ours, and any
// other is refused: a tenant's token, which all apps of the tenant share, opens nothing.
func (t scimTokens) Authenticate(ctx context.Context, connection, secret, address string) (identity.Ref, error) {
	if strings.Count(secret, ".") != 2 {
		return t.records.Authenticate(ctx, connection, secret, address)
	}
	a, err := t.verifier.Access(ctx, secret)
	switch {
	case fault.KindOf(err) == fault.Unavailable:
		return identity.Ref{}, err
	case err != nil, a.Person != "", a.Audience != scimAudience(t.issuer, connection), !slices.Contains(a.Scopes, scimScope(connection)):
		return identity.Ref{}, record.ErrToken
	}
	return identity.Client(a.Client), nil
}

// scimAudiences are the APIs that apps serve, and the SCIM of each connection.
type scimAudiences struct {
	*registry.Registry

	issuer      string
	connections *connection.Service
}

// Audience is registry.Registry's. What is below the address of SCIM is nobody's but
// ours, whatever a manifest says.
func (s scimAudiences) Audience(ctx context.Context, name string) (*registry.Audience, error) {
	id, ok := strings.CutPrefix(name, scimAudience(s.issuer, ""))
	if !ok {
		return s.Registry.Audience(ctx, name)
	}
	if _, err := s.connections.Get(ctx, id); fault.KindOf(err) == fault.NotFound {
		return nil, registry.ErrAudienceNotFound
	} else if err != nil {
		return nil, err
	}
	return &registry.Audience{Name: name, Scopes: []string{scimScope(id)}}, nil
}

// scimProfiles are what is served for connections, made once for what is decided about
// each.
type scimProfiles struct {
	*parts

	mu   sync.Mutex
	made map[string]scimProfile
}

type scimProfile struct {
	of      string
	profile *scim.Profile
}

// Profile implements scim.Connections.
func (s *scimProfiles) Profile(ctx context.Context, id string) (*scim.Profile, error) {
	if _, err := s.scimPolicy(ctx, id); err != nil {
		return nil, err
	}
	c, err := s.connections.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(c.Settings.SCIM)
	if err != nil {
		return nil, fault.As(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.made[id]; ok && known.of == string(raw) {
		return known.profile, nil
	}
	profile, err := newProfile(c.Settings.SCIM)
	if err != nil {
		return nil, err
	}
	if s.made == nil {
		s.made = map[string]scimProfile{}
	}
	s.made[id] = scimProfile{string(raw), profile}
	return profile, nil
}

// newProfile is what a connection's clients are served.
func newProfile(of *connection.SCIM) (*scim.Profile, error) {
	limits := scim.DefaultLimits()
	if of == nil { // stored before there was SCIM
		return scim.NewProfile(limits)
	}
	if of.MaxResults > 0 {
		limits.Results = of.MaxResults
	}
	if of.MaxOperations > 0 {
		limits.Operations = of.MaxOperations
	}
	var extensions []scim.Extension
	for _, e := range of.Extensions {
		schema, err := json.Marshal(schemaOf(e))
		if err != nil {
			return nil, fault.As(err)
		}
		extensions = append(extensions, scim.Extension{Resource: e.Resource, Schema: schema})
	}
	return scim.NewProfile(limits, extensions...)
}

// attribute is one of a schema as RFC 7643, section 7 writes it.
type attribute struct {
	Name          string      `json:"name"`
	Type          string      `json:"type"`
	Description   string      `json:"description,omitempty"`
	MultiValued   bool        `json:"multiValued"` //nolint:tagliatelle // RFC 7643, section 7
	CaseExact     bool        `json:"caseExact"`   //nolint:tagliatelle // RFC 7643, section 7
	Mutability    string      `json:"mutability,omitempty"`
	Returned      string      `json:"returned,omitempty"`
	SubAttributes []attribute `json:"subAttributes,omitempty"` //nolint:tagliatelle // RFC 7643, section 7
}

// schemaOf writes an extension as a schema.
func schemaOf(e connection.Extension) any {
	attributes := make([]attribute, len(e.Attributes))
	for i, a := range e.Attributes {
		attributes[i] = attribute{
			Name: a.Name, Type: cmp.Or(a.Type, "string"), Description: a.Description, MultiValued: a.MultiValued, CaseExact: a.CaseExact, Mutability: a.Mutability, Returned: a.Returned,
		}
		for _, s := range a.SubAttributes {
			attributes[i].SubAttributes = append(attributes[i].SubAttributes, attribute{
				Name: s.Name, Type: cmp.Or(s.Type, "string"), Description: s.Description, MultiValued: s.MultiValued, CaseExact: s.CaseExact,
			})
		}
	}
	return map[string]any{"id": e.ID, "name": e.Name, "attributes": attributes}
}
