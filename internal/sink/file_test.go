package sink_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/sink"
)

// clock goes on by a second whenever it is asked.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func open(t *testing.T, o sink.FileOptions) *sink.File {
	t.Helper()
	o.Now = clock()
	f, err := sink.OpenFile(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func add(t *testing.T, f *sink.File, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := f.Write([]byte(line + "\n")); err != nil || n != len(line)+1 {
			t.Fatalf("%d %v", n, err)
		}
	}
}

// all is what the file and those put aside have, oldest first.
func all(t *testing.T, path string) (files int, text string) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(names, func(a, b string) int { // the file itself is the newest
		if a == path || b == path {
			return strings.Compare(b, a)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	return len(names), text
}

func TestAFileIsPutAsideAtItsSizeAndNoLineIsSplitOrLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "broker.log")
	f := open(t, sink.FileOptions{Path: path, MaxBytes: 100})
	var want bytes.Buffer
	for i := range 50 {
		line := fmt.Sprintf("line %d %s", i, strings.Repeat("x", i))
		fmt.Fprintln(&want, line)
		add(t, f, line)
	}
	add(t, f, strings.Repeat("y", 500)) // larger than a file may be, and whole
	fmt.Fprintln(&want, strings.Repeat("y", 500))
	files, got := all(t, path)
	if got != want.String() || files < 10 {
		t.Errorf("%d files of %d bytes, want %d", files, len(got), want.Len())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestOnlyTheNewestFilesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with [brackets]*.log")
	other := path + ".note"
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, sink.FileOptions{Path: path, MaxBytes: 10, Keep: 2})
	add(t, f, "first 1234", "second 123", "third 1234", "fourth 123", "fifth 1234")
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 4 { // the file, two before it, and what is not ours
		t.Errorf("%v %v", entries, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "fifth 1234\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestAFileThatSomebodyElseMovedIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broker.log")
	f := open(t, sink.FileOptions{Path: path})
	add(t, f, "before")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, f, "after")
	for name, want := range map[string]string{path: "after\n", path + ".1": "before\n"} {
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s: %q %v", filepath.Base(name), text, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	add(t, f, "again")
	if text, err := os.ReadFile(path); err != nil || string(text) != "after\nagain\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestAFileThatCannotBeMadeIsSaidSo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sink.OpenFile(sink.FileOptions{Path: filepath.Join(dir, "file", "log"), Now: time.Now}); err == nil || !strings.Contains(err.Error(), "file/log") {
		t.Errorf("%v", err)
	}
}
