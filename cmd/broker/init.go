package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatehouse-io/gatehouse/config"
)

type initCommand struct {
	Folder string `arg:"" optional:"" default:"." help:"Where broker.yaml, the encryption key and the data directory are made." type:"path"`
}

// Run makes what a broker needs to start. It never replaces a file: the
// encryption key that is there may be the only one that opens the data.
func (c *initCommand) Run() error {
	data := filepath.Join(c.Folder, "gatehouse-data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if there, err := os.ReadDir(data); err != nil || len(there) > 0 {
		return cmp.Or(err, fmt.Errorf("%s has a broker's data already, which a new key could not open: name another folder", data))
	}
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return fmt.Errorf("make an encryption key: %w", err)
	}
	err := errors.Join(
		create(filepath.Join(c.Folder, "encryption.key"), []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"), 0o600),
		create(filepath.Join(c.Folder, "broker.yaml"), config.Sample(), 0o644),
	)
	if err != nil {
		return err
	}
	fmt.Printf("Made broker.yaml, encryption.key and gatehouse-data in %s.\nKeep a copy of the key apart from the data. Then: broker serve --config %s\n",
		c.Folder, filepath.Join(c.Folder, "broker.yaml"))
	return nil
}

// create writes a new file; one that is there already stays and is an error.
func create(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the operator names the folder
	if err != nil {
		return fmt.Errorf("make %s: %w", filepath.Base(name), err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make %s: %w", filepath.Base(name), err)
	}
	return nil
}
