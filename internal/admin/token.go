package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of tokens.
var (
	ErrTokenNotFound = fault.New(fault.NotFound, "api_token_not_found", "no such API token")
	// ErrToken refuses a bearer token that is unknown, over or revoked; it does not
	// say which.
	ErrToken = fault.New(fault.Unauthenticated, "api_token_refused", "an API token that is good is required: Authorization: Bearer …")
)

// tokenPrefix lets secret scanners find a token that leaked.
const tokenPrefix = "gha_"

// appName is the form of an app's name, and maxTokenApps how many a token is for.
var appName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

const maxTokenApps = 200

// The lives of tokens.
const (
	DefaultTokenLife = 90 * 24 * time.Hour
	maxTokenDays     = 366
	// touchEvery is how stale LastUsed may get.
	touchEvery = time.Minute
)

// Token is an API token as it is kept: the secret itself only as its SHA-256.
type Token struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Roles []Role `json:"roles"`
	// Apps are the names of those that the token of an app's owner is for. An app that
	// is removed is not among them any more, whoever takes its name.
	Apps      []string       `json:"apps,omitempty"`
	CreatedBy identity.Actor `json:"created_by"`
	// Owner is the person, or the operator, that the token counts as, also when
	// another token of theirs made it.
	Owner    identity.Ref `json:"owner"`
	Created  time.Time    `json:"created"`
	Expires  time.Time    `json:"expires"`
	LastUsed time.Time    `json:"last_used,omitzero"`
	Hash     []byte       `json:"-"`
}

// NewToken is what is asked for.
type NewToken struct {
	Name  string   `json:"name"`
	Roles []Role   `json:"roles"`
	Apps  []string `json:"apps,omitempty"`
	// Days until it is over; 0 means 90, the most is 366.
	Days int `json:"days,omitempty"`
}

func (n NewToken) check() error {
	if n.Name == "" || len(n.Name) > 100 || strings.TrimSpace(n.Name) != n.Name || strings.ContainsFunc(n.Name, invisible) {
		return fault.New(fault.Invalid, "api_token_name",
			"a token has a name of 1 to 100 bytes that says what it is for, without control or invisible characters, or a space at its ends").At("name")
	}
	if n.Days < 0 || n.Days > maxTokenDays {
		return fault.New(fault.Invalid, "api_token_days", "a token lives for 1 to 366 days").At("days")
	}
	if len(n.Roles) == 0 {
		return fault.New(fault.Invalid, "api_token_roles", "a token has at least one role").At("roles")
	}
	for _, r := range n.Roles {
		if !slices.Contains(Roles(), r) {
			return ErrRole.At("roles")
		}
	}
	if len(n.Apps) > 0 && !slices.Contains(n.Roles, AppOwner) {
		return fault.New(fault.Invalid, "api_token_apps", "apps are named for the role app-owner only").At("apps")
	}
	if len(n.Apps) > maxTokenApps || slices.ContainsFunc(n.Apps, func(app string) bool { return !appName.MatchString(app) }) {
		return fault.New(fault.Invalid, "api_token_app", "a token is for up to %d apps, by their names", maxTokenApps).At("apps")
	}
	return nil
}

// invisible reports characters that make a name look like another one.
func invisible(r rune) bool { return unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029' }

// CreateToken makes a token. The secret is returned this once.
func (s *Service) CreateToken(ctx context.Context, n NewToken, by Principal, actor identity.Actor) (Token, string, error) {
	if err := n.check(); err != nil {
		return Token{}, "", err
	}
	for _, r := range n.Roles {
		if !by.Has(Admin) && !by.Has(r) {
			return Token{}, "", fault.New(fault.Denied, "role_not_yours", "nobody gives a token a role that they do not have").At("roles")
		}
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(secret))
	life := DefaultTokenLife
	if n.Days > 0 {
		life = time.Duration(n.Days) * 24 * time.Hour
	}
	now := s.now()
	t := Token{
		ID: identity.NewID(), Name: n.Name, Roles: n.Roles, Apps: n.Apps, CreatedBy: actor, Owner: by.Owner, Created: now, Expires: now.Add(life), Hash: hash[:],
	}
	created := event.New(now, "api_token.created", actor, identity.Ref{Kind: identity.KindToken, ID: t.ID},
		"name", t.Name, "roles", join(t.Roles), "apps", strings.Join(t.Apps, " "))
	if err := s.o.Store.CreateToken(ctx, t, []event.Event{created}); err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

func join(roles []Role) string {
	all := make([]string, len(roles))
	for i, r := range roles {
		all[i] = string(r)
	}
	return strings.Join(all, " ")
}

// Tokens lists the tokens that are good, newest first.
func (s *Service) Tokens(ctx context.Context) ([]Token, error) {
	all, err := s.o.Store.APITokens(ctx)
	now := s.now()
	return slices.DeleteFunc(all, func(t Token) bool { return !now.Before(t.Expires) }), err
}

// RevokeToken ends a token at once, or fails with ErrTokenNotFound.
func (s *Service) RevokeToken(ctx context.Context, id string, actor identity.Actor) error {
	e := event.New(s.now(), "api_token.revoked", actor, identity.Ref{Kind: identity.KindToken, ID: id})
	return s.o.Store.RevokeToken(ctx, id, []event.Event{e})
}

// Authenticate returns whom a bearer token stands for, or fails with ErrToken. A
// token that a person made has the roles only that the person still has.
func (s *Service) Authenticate(ctx context.Context, secret string) (Principal, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return Principal{}, ErrToken
	}
	hash := sha256.Sum256([]byte(secret))
	t, err := s.o.Store.APIToken(ctx, hash[:])
	now := s.now()
	switch {
	case errors.Is(err, ErrTokenNotFound), err == nil && !now.Before(t.Expires):
		return Principal{}, ErrToken
	case err != nil:
		return Principal{}, err
	}
	p, err := s.of(ctx, t)
	if err == nil && now.Sub(t.LastUsed) >= touchEvery {
		err = s.o.Store.TouchToken(ctx, t.ID, now)
	}
	return p, err
}

// of returns what a token may do: of its roles those that its owner still has.
func (s *Service) of(ctx context.Context, t Token) (Principal, error) {
	p := Principal{Ref: identity.Ref{Kind: identity.KindToken, ID: t.ID}, Owner: t.Owner, Roles: t.Roles, Apps: t.Apps}
	switch t.Owner.Kind {
	case identity.KindOperator:
		return p, nil
	case identity.KindPerson:
		var err error
		p.Roles, err = s.stillHas(ctx, t.Owner.ID, t.Roles)
		return p, err
	default: // nobody answers for it
		return Principal{}, ErrToken
	}
}

// principal returns what somebody may do now whom an audit entry names.
func (s *Service) principal(ctx context.Context, who identity.Ref) (Principal, error) {
	switch who.Kind {
	case identity.KindOperator:
		return Operator(), nil
	case identity.KindPerson:
		p, err := s.o.Directory.Person(ctx, who.ID)
		if err == nil {
			err = s.couldSignIn(ctx, p)
		}
		if err != nil {
			return Principal{}, err
		}
		return s.Of(ctx, p)
	case identity.KindToken:
		t, err := s.Token(ctx, who.ID)
		if err != nil {
			return Principal{}, err
		}
		return s.of(ctx, t)
	default:
		return Principal{}, ErrForbidden
	}
}

// Token returns the good token with this id, or fails with ErrTokenNotFound.
func (s *Service) Token(ctx context.Context, id string) (Token, error) {
	all, err := s.Tokens(ctx)
	if err != nil {
		return Token{}, err
	}
	if i := slices.IndexFunc(all, func(t Token) bool { return t.ID == id }); i >= 0 {
		return all[i], nil
	}
	return Token{}, ErrTokenNotFound
}

// stillHas returns those of the roles that the person who gave them still has, if
// they are enabled and so is a connection of theirs.
func (s *Service) stillHas(ctx context.Context, person string, roles []Role) ([]Role, error) {
	maker, err := s.o.Directory.Person(ctx, person)
	switch {
	case errors.Is(err, directory.ErrPersonNotFound), err == nil && maker.Disabled:
		return nil, ErrToken
	case err != nil:
		return nil, err
	}
	if err := s.couldSignIn(ctx, maker); err != nil {
		return nil, err
	}
	p, err := s.Of(ctx, maker)
	if err != nil {
		return nil, err
	}
	var still []Role
	for _, r := range roles {
		if p.Has(Admin) || p.Has(r) {
			still = append(still, r)
		}
	}
	return still, nil
}

// couldSignIn fails with ErrToken when somebody may come over none of their connections,
// each being disabled, or having a SCIM record that says that they left: nobody vouches
// for them, and what they hold must not outlive that.
func (s *Service) couldSignIn(ctx context.Context, who directory.Person) error {
	for _, i := range who.Identities {
		if who.Over(i.Connection, directory.JITAndSCIM) != nil {
			continue
		}
		if enabled, err := s.o.ConnectionEnabled(ctx, i.Connection); err != nil || enabled {
			return err
		}
	}
	return ErrToken
}
