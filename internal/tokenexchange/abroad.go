package tokenexchange

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// Abroad knows what is taken of which identity provider.
type Abroad interface {
	// Assume returns what ForeignVerifier.Subject would of a good token or assertion that
	// the provider of a connection makes and the client with this client_id brings, by the
	// checks that need none: whom it is about and its times are left out. kind is its token
	// type identifier, the provider's most general one for an empty one, and comes back as
	// kind. The error is that of Subject, a fault whose code ends with not_found for a
	// connection that is not there, or policy.ErrSubjectType for what the provider does not make.
	Assume(ctx context.Context, client, connection, kind string) (as string, t identity.SubjectToken, err error)
}

// typePrefix begins the token type identifiers (RFC 8693, section 3).
const typePrefix = "urn:ietf:params:oauth:token-type:"

// abroad has an exchange assume what the person's identity provider makes at this moment,
// and returns its token type identifier. Whose it is, is looked up by the subject that the
// person has over the connection; who has none is nobody there.
func (x *Explainer) abroad(ctx context.Context, dry *Exchange, q policy.Exchange) (kind string, err error) {
	p, err := x.o.Person(ctx, q.Person)
	if err != nil {
		return "", err
	}
	if q.SubjectType != "" {
		kind = typePrefix + q.SubjectType
	}
	v := vouched{}
	kind, v.token, v.err = x.o.Abroad.Assume(ctx, q.Client, q.Connection, kind)
	if errors.Is(v.err, policy.ErrSubjectType) {
		return "", v.err
	}
	if kind == "" {
		kind = TypeJWT
	}
	over := slices.DeleteFunc(slices.Clone(p.Identities), func(i directory.Identity) bool { return i.Connection != q.Connection })
	now := x.o.Now()
	v.token.Authentication.Subject, v.token.Issued, v.token.Expires = latest(over).Subject, now, now.Add(grant.NodeLife)
	dry.o.Foreign.Verifier = v
	return kind, nil
}

// vouched stands for the verifier of what another issuer made and is not at hand: it says
// what that would.
type vouched struct {
	token identity.SubjectToken
	err   error
}

// Subject implements ForeignVerifier.
func (v vouched) Subject(context.Context, string, string, string) (identity.SubjectToken, error) {
	return v.token, v.err
}

// standIn stands for a token that is not at hand: it says that it is of another issuer,
// and nobody has signed it.
func standIn(connection string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iss":"connection:%x"}`, connection)) + ".AAAA"
}
