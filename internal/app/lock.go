package app

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// ErrDataDirInUse refuses a second broker on one data directory: no other
// process may change rows that this one's caches do not hear of.
var ErrDataDirInUse = fault.New(fault.Conflict, "data_dir_in_use", "another broker is running on this data directory")

// lockDataDir makes the directory and takes the lock on it, which the operating
// system drops when the process ends, however it ends.
func lockDataDir(directory string) (*os.File, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(directory, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: a fixed name in the configured directory
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s", ErrDataDirInUse, directory)
	}
	return f, nil
}
