package connection

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Where the secret of a connection is stored, for the Sealer, and where one is that
// waits for a second person.
const (
	table         = "connections"
	secretColumn  = "secret"
	waitingTable  = "admin_changes"
	waitingColumn = "client_secret"
)

// Sealer encrypts what must be recoverable: keys.Vault.
type Sealer interface {
	Seal(plain []byte, table, column, id string) ([]byte, error)
	Open(sealed []byte, table, column, id string) ([]byte, error)
	NeedsReseal(sealed []byte) bool
}

// Secret returns the client secret of a stored connection, empty for none.
func (s *Service) Secret(ctx context.Context, id string) (string, error) {
	now, err := s.fresh(ctx)
	if err != nil {
		return "", err
	}
	r := find(now.records, id)
	if r == nil || !r.live() {
		return "", ErrNotFound
	}
	return s.open(*r)
}

func (s *Service) open(r Record) (string, error) {
	if r.Secret == nil {
		return "", nil
	}
	plain, err := s.o.Sealer.Open(r.Secret, table, secretColumn, r.Settings.ID)
	if err != nil {
		return "", fmt.Errorf("connection %s: %w", r.Settings.ID, err)
	}
	return string(plain), nil
}

// setSecret keeps the client secret that r has, encrypts another in its place, or forgets
// it, and reports whether it is not what it was.
func (s *Service) setSecret(r *Record, secret string, how Applying) (another bool, err error) {
	switch {
	case how.ForgetSecret && secret != "":
		return false, fault.New(ErrInvalid.Kind, ErrInvalid.Code, "a client_secret is given and is to be forgotten: only one of both can be meant").At("client_secret")
	case how.ForgetSecret:
		r.Secret, another = nil, r.Secret != nil
	case secret != "":
		if r.Secret, err = s.o.Sealer.Seal([]byte(secret), table, secretColumn, r.Settings.ID); err != nil {
			return false, fmt.Errorf("connection %s: %w", r.Settings.ID, err)
		}
		another = true
	}
	r.HasSecret = r.Secret != nil
	return another, nil
}

// Hide returns text as JSON that Apply takes, with the client secret encrypted, so
// that it can wait where others see it. It is good for this connection alone. What
// Apply refuses is refused.
func (s *Service) Hide(ctx context.Context, id string, text []byte, how Applying) ([]byte, error) {
	if s.configured(id) {
		return nil, ErrConfigured
	}
	all, err := s.o.Store.Connections(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the connections: %w", err)
	}
	if _, err := s.applying(ctx, id, text, how, identity.Actor{}, all); err != nil {
		return nil, err
	}
	settings, secret, err := s.read(id, text, all)
	if err != nil {
		return nil, err
	}
	hidden := struct {
		Settings
		Secret string `json:"client_secret,omitempty"`
	}{settings, ""}
	if secret != "" {
		sealed, err := s.o.Sealer.Seal([]byte(secret), waitingTable, waitingColumn, place(settings))
		if err != nil {
			return nil, fmt.Errorf("connection %s: %w", id, err)
		}
		hidden.Secret = sealedMark + base64.RawURLEncoding.EncodeToString(sealed)
	}
	body, err := json.Marshal(hidden) //nolint:gosec // G117: the secret in it is encrypted
	if err != nil {
		return nil, fmt.Errorf("encode the connection: %w", err)
	}
	return body, nil
}

// sealedMark begins a secret that Hide encrypted.
const sealedMark = "sealed:"

// place is what a secret that waits is bound to: to whom it would be sent.
func place(s Settings) string { return strings.Join([]string{s.ID, s.Issuer, s.ClientID}, "\n") }

// reveal opens a secret that Hide encrypted; any other is as it came.
func (s *Service) reveal(settings Settings, secret string) (string, error) {
	text, sealed := strings.CutPrefix(secret, sealedMark)
	if !sealed {
		return secret, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		raw, err = s.o.Sealer.Open(raw, waitingTable, waitingColumn, place(settings))
	}
	if err != nil {
		return "", fault.Wrap(err, ErrInvalid.Kind, ErrInvalid.Code, "the encrypted client_secret is that of another connection").At("client_secret")
	}
	return string(raw), nil
}

// Reseal encrypts secrets anew that a previous encryption key encrypted, so that it
// can be taken out of the configuration.
func (s *Service) Reseal(ctx context.Context) error {
	all, err := s.o.Store.Connections(ctx)
	if err != nil {
		return fmt.Errorf("read the connections: %w", err)
	}
	for _, old := range all {
		if old.Secret == nil || !s.o.Sealer.NeedsReseal(old.Secret) {
			continue
		}
		err := s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
			r := find(all, old.Settings.ID)
			if r == nil || r.Secret == nil {
				return Change{}, nil
			}
			next := *r
			secret, err := s.open(next)
			if err == nil {
				next.Secret, err = s.o.Sealer.Seal([]byte(secret), table, secretColumn, next.Settings.ID)
			}
			return Change{Record: next}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
