package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/app"
)

// onSocket answers over a Unix socket as a broker would.
func onSocket(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "broker-") //nolint:usetesting // a path short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func TestABackupCountsOnlyWhenAllOfItCame(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		failed string
	}{
		"whole": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", app.BackupWhole)
			_, _ = io.WriteString(w, "all of "+strings.Join(r.URL.Query()["recipient"], "+"))
			w.Header().Set(app.BackupWhole, "true")
		}, ""},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a part")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "EOF"},
		"without its end": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a part") }, "broke it off"},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"detail":"a recipient is a public key"}`)
		}, "a recipient is a public key"},
	} {
		t.Run(name, func(t *testing.T) {
			socket, file := onSocket(t, c.answer), filepath.Join(t.TempDir(), "backup")
			err := writeWhole(file, func(w io.Writer) error { return fetchBackup(socket, []string{"a", "b"}, w) })
			left, dirErr := os.ReadDir(filepath.Dir(file))
			if dirErr != nil {
				t.Fatal(dirErr)
			}
			if c.failed == "" {
				if text, readErr := os.ReadFile(file); err != nil || readErr != nil || string(text) != "all of a+b" || len(left) != 1 {
					t.Errorf("%q, %v, %v", text, left, errors.Join(err, readErr))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.failed) || len(left) != 0 {
				t.Errorf("%v, and %v is left", err, left)
			}
		})
	}
	var out bytes.Buffer
	if err := fetchBackup(filepath.Join(t.TempDir(), "none"), nil, &out); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("without a broker: %v", err)
	}
}
