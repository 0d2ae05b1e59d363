package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

func TestANewInstallationIsFineAndIsNeverMadeTwice(t *testing.T) {
	dir := t.TempDir()
	made := initCommand{Folder: dir}
	if err := made.Run(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(dir, "encryption.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(filepath.Join(dir, "broker.yaml"), []string{"GATEHOUSE_SOCKET=/run/broker.sock"}); err != nil {
		t.Errorf("the configuration that was made: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "encryption.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info, err)
	}
	if err := made.Run(); err == nil {
		t.Error("made again over the first")
	}
	if again, err := os.ReadFile(filepath.Join(dir, "encryption.key")); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the key was replaced: %v", err)
	}
}

func TestNoNewKeyIsMadeForDataThatItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "gatehouse-data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(data, "gatehouse.db")
	if err := os.WriteFile(database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&initCommand{Folder: dir}).Run(); err == nil || !strings.Contains(err.Error(), "name another folder") {
		t.Errorf("beside a broker's data: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "encryption.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key was made: %v", err)
	}
	if err := os.Remove(database); err != nil {
		t.Fatal(err)
	}
	if err := (&initCommand{Folder: dir}).Run(); err != nil {
		t.Errorf("control, an empty data directory: %v", err)
	}
}

func TestAnAuditLogThatIsNotThereIsNotFoundWhole(t *testing.T) {
	dir := t.TempDir()
	if err := (&initCommand{Folder: dir}).Run(); err != nil {
		t.Fatal(err)
	}
	verify := auditVerifyCommand{configured{Config: filepath.Join(dir, "broker.yaml")}}
	if err := verify.Run(); !errors.Is(err, sqldb.ErrNoDatabase) {
		t.Errorf("before the first start: %v", err)
	}
	if err := (&migrateCommand{configured: verify.configured}).Run(); err != nil {
		t.Fatal(err)
	}
	if err := verify.Run(); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestAFolderIsReadWithoutWhatBelongsToTheApps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/microapp.yaml", "b/microapp.yaml", "b/evidence/scan.json", ".git/c/microapp.yaml", "README.md"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, folder, err := readManifests(dir)
	if err != nil || !folder || len(files) != 2 || files[0].Name != "a/microapp.yaml" || string(files[1].Data) != "b/microapp.yaml" {
		t.Errorf("%v %v %v", files, folder, err)
	}
	if files, folder, err := readManifests(filepath.Join(dir, "README.md")); err != nil || folder || len(files) != 1 {
		t.Errorf("one file: %v %v %v", files, folder, err)
	}
	if _, _, err := readManifests(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no microapp.yaml") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestApplyingSaysWhatIsMissingAndShowsTheSecret(t *testing.T) {
	var out bytes.Buffer
	err := describe(&out, []byte(`{"applied":[{"app":{"name":"hr"},"outcome":"created","missing":["owner","keys"]},{"app":{"name":"ex"},"outcome":"updated","client_secret":"s","warnings":["a group"],"pending":[{"path":"at","audience":"payroll","scope":"read","mode":"delegation","api":"payroll-app","team":"finance"},{"path":"there","scope":"ssf.manage","mode":"client_credentials","api":"-"},{"path":"at","audience":"none","scope":"x","mode":"delegation"}]}],"removed":["old"]}`))
	want := []string{
		"old: removed", "hr: created", "not launchable", "owner, keys", "ex: updated", "shown this once: s", "warning: a group",
		"not agreed to yet: read of payroll (delegation), asked for in at: finance can, or an administrator: broker app agree payroll-app ex read",
		"ssf.manage of the broker (client_credentials), asked for in there: an administrator can: broker app agree - ex ssf.manage", "x of none (delegation), asked for in at: no app serves that API",
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("%q is not in %q", w, out.String())
		}
	}
	if err != nil {
		t.Error(err)
	}
}
