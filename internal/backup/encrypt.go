package backup

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// stanza is the type of the header line that wraps a file's key under the broker's
// encryption key.
const stanza = "gatehouse"

// Vault seals and opens small secrets for the place that they are stored at: see
// keys.Vault.
type Vault interface {
	Seal(plain []byte, table, column, id string) ([]byte, error)
	Open(sealed []byte, table, column, id string) ([]byte, error)
}

// wrapper is the age recipient and identity of a Vault.
type wrapper struct{ vault Vault }

// Wrap implements age.Recipient.
func (w wrapper) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	sealed, err := w.vault.Seal(fileKey, "backup", "file_key", "")
	if err != nil {
		return nil, err
	}
	return []*age.Stanza{{Type: stanza, Body: sealed}}, nil
}

// Unwrap implements age.Identity.
func (w wrapper) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != stanza {
			continue
		}
		if key, err := w.vault.Open(s.Body, "backup", "file_key", ""); err == nil {
			return key, nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// Recipient is a further reader of a backup.
type Recipient = age.Recipient

// Recipients parses the public keys (age1…) of further readers. It fails with an
// Invalid fault.
func Recipients(texts []string) ([]Recipient, error) {
	var all []Recipient
	for _, text := range texts {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "recipient_invalid", "a recipient is an X25519 public key as age-keygen makes it: age1…").At("recipient")
		}
		all = append(all, r)
	}
	return all, nil
}

// Seal returns a writer that compresses and encrypts to w. What is written counts
// only after Close, which leaves w open.
func Seal(w io.Writer, vault Vault, recipients ...Recipient) (io.WriteCloser, error) {
	encrypted, err := age.Encrypt(w, append([]age.Recipient{wrapper{vault}}, recipients...)...)
	if err != nil {
		return nil, fmt.Errorf("encrypt the backup: %w", err)
	}
	return &sealed{gzip.NewWriter(encrypted), encrypted}, nil
}

// sealed closes both layers.
type sealed struct {
	*gzip.Writer
	encrypted io.WriteCloser
}

// Close ends the compression and then the encryption.
func (s *sealed) Close() error {
	if err := errors.Join(s.Writer.Close(), s.encrypted.Close()); err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	return nil
}

// Open returns what Seal was given to write. It fails with ErrKey or ErrFormat at
// once, and with ErrDamaged while it is read.
func Open(r io.Reader, vault Vault) (io.Reader, error) {
	plain, err := age.Decrypt(r, wrapper{vault})
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, fault.Wrap(err, ErrKey.Kind, ErrKey.Code, "%s", ErrKey.Detail)
	}
	if err != nil {
		return nil, fault.Wrap(err, ErrFormat.Kind, ErrFormat.Code, "%s", ErrFormat.Detail)
	}
	text, err := gzip.NewReader(plain)
	if err != nil {
		return nil, damaged(err)
	}
	return whole{text, plain}, nil
}

// whole reads the text, and at its end the rest of what was encrypted: only then
// is the end of the file authentic.
type whole struct {
	text *gzip.Reader
	rest io.Reader
}

// Read implements io.Reader.
func (w whole) Read(b []byte) (int, error) {
	n, err := w.text.Read(b)
	if err == nil || !errors.Is(err, io.EOF) {
		return n, err
	}
	if _, after := w.rest.Read(make([]byte, 1)); !errors.Is(after, io.EOF) {
		return n, fmt.Errorf("after the end: %w", errors.Join(after, io.ErrUnexpectedEOF))
	}
	return n, io.EOF
}
