package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of a Vault.
var (
	ErrVaultKey   = fault.New(fault.Invalid, "vault_key", "an encryption key must be 32 random bytes, different from the others")
	ErrUnreadable = fault.New(fault.Internal, "sealed_unreadable", "a stored secret cannot be opened with the configured encryption keys")
)

const (
	// VaultKeySize is the length of an encryption key in bytes.
	VaultKeySize = 32
	// sealVersion begins every sealed value; another layout takes another number.
	sealVersion = 1
	// keyIDSize and headerSize are of a sealed value, which is: version (1 byte), key id
	// (4), nonce (12), ciphertext, tag (16).
	keyIDSize  = 4
	headerSize = 1 + keyIDSize
)

// Vault encrypts recoverable secrets with AES-256-GCM. The associated data are
// the table, column and id that the value is stored at, so that a value copied
// to another row does not open there. A Vault is safe for concurrent use.
type Vault struct {
	current [keyIDSize]byte
	ciphers map[[keyIDSize]byte]cipher.AEAD
}

// NewVault returns a Vault that seals with current and opens with current and
// previous, which is how the key is rotated: see NeedsReseal. It fails with
// ErrVaultKey.
func NewVault(current []byte, previous ...[]byte) (*Vault, error) {
	v := &Vault{current: keyID(current), ciphers: make(map[[keyIDSize]byte]cipher.AEAD, 1+len(previous))}
	for _, key := range append([][]byte{current}, previous...) {
		if _, twice := v.ciphers[keyID(key)]; twice || len(key) != VaultKeySize {
			return nil, ErrVaultKey
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, ErrVaultKey.Code, "%s", ErrVaultKey.Detail)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, ErrVaultKey.Code, "%s", ErrVaultKey.Detail)
		}
		v.ciphers[keyID(key)] = aead
	}
	return v, nil
}

// Seal encrypts plain for the place it will be stored at.
func (v *Vault) Seal(plain []byte, table, column, id string) ([]byte, error) {
	aead := v.ciphers[v.current]
	sealed := make([]byte, 0, headerSize+aead.Overhead()+len(plain))
	sealed = append(sealed, sealVersion)
	sealed = append(sealed, v.current[:]...)
	return aead.Seal(sealed, nil, plain, place(sealed, table, column, id)), nil //nolint:gosec // G407: the AEAD makes its own random nonce
}

// Open decrypts what Seal made for the same place, or fails with ErrUnreadable.
func (v *Vault) Open(sealed []byte, table, column, id string) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != sealVersion {
		return nil, ErrUnreadable
	}
	aead, ok := v.ciphers[[keyIDSize]byte(sealed[1:headerSize])]
	if !ok {
		return nil, ErrUnreadable
	}
	header := sealed[:headerSize:headerSize]
	plain, err := aead.Open(nil, nil, sealed[headerSize:], place(header, table, column, id))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, ErrUnreadable.Code, "%s", ErrUnreadable.Detail)
	}
	return plain, nil
}

// NeedsReseal reports whether sealed was made with a previous key. When nothing
// does any more, that key can be taken out of the configuration.
func (v *Vault) NeedsReseal(sealed []byte) bool {
	return len(sealed) < headerSize || [keyIDSize]byte(sealed[1:headerSize]) != v.current
}

// keyID names an encryption key in what it sealed, without telling of it.
func keyID(key []byte) [keyIDSize]byte {
	sum := sha256.Sum256(append([]byte("gatehouse vault key id\x00"), key...))
	return [keyIDSize]byte(sum[:])
}

// place is the associated data: the header and each part with its length before
// it, so that no two places read the same.
func place(header []byte, parts ...string) []byte {
	data := append([]byte(nil), header...)
	for _, p := range parts {
		data = binary.BigEndian.AppendUint32(data, uint32(len(p)))
		data = append(data, p...)
	}
	return data
}
