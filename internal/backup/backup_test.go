package backup_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os/exec"
	"reflect"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

func key() []byte {
	k := make([]byte, keys.VaultKeySize)
	_, _ = rand.Read(k)
	return k
}

func vault(t *testing.T, all ...[]byte) *keys.Vault {
	t.Helper()
	v, err := keys.NewVault(all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var table = backup.Table{Name: "people", Columns: []backup.Column{
	{Name: "id", Kind: backup.Text}, {Name: "n", Kind: backup.Integer}, {Name: "on", Kind: backup.Boolean}, {Name: "hash", Kind: backup.Bytes},
}}

var rows = [][]any{
	{"a", int64(1<<62 + 1), true, []byte{0, 255}},
	{"Zoë\n\"\u2028<", int64(-1), false, []byte{}},
	{"not \xff UTF-8", nil, nil, nil},
}

// seen is what a backup hands out.
type seen struct {
	tables []backup.Table
	rows   [][]any
}

func (s *seen) Table(t backup.Table) error { s.tables = append(s.tables, t); return nil }
func (s *seen) Row(v []any) error          { s.rows = append(s.rows, v); return nil }

// write makes a backup with many rows, so that it has several chunks.
func write(t *testing.T, v backup.Vault, times int, recipients ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	sealed, err := backup.Seal(&out, v, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	w, err := backup.NewWriter(sealed, backup.Header{Migration: 3, Era: "era", Taken: time.Unix(1, 0).UTC(), Engine: "sqlite"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Table(table); err != nil {
		t.Fatal(err)
	}
	for range times {
		for _, r := range rows {
			if err := w.Row(r); err != nil {
				t.Fatal(err)
			}
		}
		noise := make([]byte, 256)
		_, _ = rand.Read(noise)
		if err := w.Row([]any{"noise", int64(0), false, noise}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sealed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(file []byte, v backup.Vault) (backup.Header, seen, error) {
	var s seen
	plain, err := backup.Open(bytes.NewReader(file), v)
	if err != nil {
		return backup.Header{}, s, err
	}
	r, err := backup.NewReader(plain)
	if err != nil {
		return backup.Header{}, s, err
	}
	_, err = r.Each(&s)
	return r.Header(), s, err
}

func TestABackupReadsAsItWasWritten(t *testing.T) {
	v := vault(t, key())
	h, s, err := read(write(t, v, 1), v)
	if err != nil || h.Migration != 3 || h.Era != "era" || h.Format != backup.Format {
		t.Fatalf("%+v %v", h, err)
	}
	if len(s.tables) != 1 || !reflect.DeepEqual(s.tables[0], table) || !reflect.DeepEqual(s.rows[:3], rows) {
		t.Errorf("%+v\n%v", s.tables, s.rows)
	}
}

func TestABackupOpensUnderItsOwnKeyOnlyAlsoWhenThatIsAPreviousOne(t *testing.T) {
	mine, other := key(), key()
	file := write(t, vault(t, mine), 1)
	if _, _, err := read(file, vault(t, other, mine)); err != nil {
		t.Errorf("a rotated key: %v", err)
	}
	if _, _, err := read(file, vault(t, other)); !errors.Is(err, backup.ErrKey) {
		t.Errorf("another key: %v", err)
	}
}

func TestACutOrChangedBackupIsRefused(t *testing.T) {
	v := vault(t, key())
	file := write(t, v, 600)
	if len(file) < 2*64<<10 {
		t.Fatalf("%d bytes are not several chunks", len(file))
	}
	if _, _, err := read(file, v); err != nil {
		t.Fatalf("control: %v", err)
	}
	for _, n := range []int{0, 1, 100, 500, 64 << 10, len(file) / 2, len(file) - 17, len(file) - 1} {
		if _, _, err := read(file[:n], v); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrFormat) {
			t.Errorf("cut after %d of %d: %v", n, len(file), err)
		}
	}
	for i := 0; i < len(file); i += 1 + len(file)/60 {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if _, _, err := read(changed, v); err == nil {
			t.Errorf("byte %d changed, and nobody noticed", i)
		}
	}
	if _, _, err := read(append(bytes.Clone(file), 'x'), v); err == nil {
		t.Error("something follows the end")
	}
	if _, _, err := read([]byte("SQLite format 3\x00"), v); !errors.Is(err, backup.ErrFormat) {
		t.Errorf("something else: %v", err)
	}
}

func TestFurtherRecipientsReadItWithAge(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := backup.Recipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	v := vault(t, key())
	file := write(t, v, 1, recipients...)
	if _, _, err := read(file, v); err != nil {
		t.Errorf("the broker itself: %v", err)
	}
	plain, err := age.Decrypt(bytes.NewReader(file), id)
	if err != nil {
		t.Fatal(err)
	}
	gunzip := exec.CommandContext(t.Context(), "gzip", "-d")
	gunzip.Stdin = plain
	text, err := gunzip.Output()
	if err != nil || !bytes.Contains(text, []byte(`"table":"people"`)) {
		t.Errorf("%v %s", err, text)
	}
	for _, bad := range []string{"", "age1", "ssh-ed25519 AAAA", id.String()} {
		if _, err := backup.Recipients([]string{bad}); err == nil {
			t.Errorf("%q is a recipient", bad)
		}
	}
}

func TestTheEndMustAgreeWithTheRows(t *testing.T) {
	for name, text := range map[string]string{
		"fewer": `{"format":1}` + "\n" + `{"table":"a","columns":[{"name":"x","kind":"text"}]}` + "\n" + `{"end":{"a":1}}` + "\n",
		"none":  `{"format":1}` + "\n" + `{"table":"a","columns":[]}` + "\n",
		"width": `{"format":1}` + "\n" + `{"table":"a","columns":[]}` + "\n[1]\n" + `{"end":{"a":1}}` + "\n",
		"kind":  `{"format":1}` + "\n" + `{"table":"a","columns":[{"name":"x","kind":"float"}]}` + "\n[1]\n" + `{"end":{"a":1}}` + "\n",
		"twice": `{"format":1}` + "\n" + `{"table":"a","columns":[{"name":"x","kind":"text"}]}` + "\n" + `["x"]` + "\n" + `{"table":"a","columns":[]}` + "\n" + `{"end":{"a":0}}` + "\n",
		"more":  `{"format":1}` + "\n" + `{"end":{}}` + "\nx",
	} {
		r, err := backup.NewReader(bytes.NewReader([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Each(&seen{}); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := backup.NewReader(bytes.NewReader([]byte(`{"format":2}` + "\n"))); !errors.Is(err, backup.ErrFormat) {
		t.Errorf("a later format: %v", err)
	}
}
