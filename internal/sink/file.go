// Package sink writes lines to where others keep them: a file that is rotated by
// its size, and a syslog server (RFC 5424).
package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// lookEvery is how often a file looks whether somebody else moved it away.
const lookEvery = time.Second

// FileOptions say where a File is. Path and Now are required.
type FileOptions struct {
	Path string
	// MaxBytes is how large it grows before it is put aside; 0 means as large as it
	// gets, for who rotates it by other means.
	MaxBytes int64
	// Keep is how many of those put aside stay; 0 means all.
	Keep int
	Now  func() time.Time
}

// File is a file that lines are added to. At MaxBytes it is renamed to its name and
// the time, and begun anew; a line is never split. When somebody else moved or
// removed it, such as logrotate, it is begun anew too, within a second. It is safe
// for concurrent use.
type File struct {
	o FileOptions

	mu     sync.Mutex
	f      *os.File
	size   int64
	looked time.Time
}

// OpenFile opens the file for its owner alone, and makes it and its folder if need
// be.
func OpenFile(o FileOptions) (*File, error) {
	f := &File{o: o}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	return f, f.open()
}

func (f *File) open() error {
	file, err := os.OpenFile(f.o.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.o.Path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", f.o.Path, err), file.Close())
	}
	f.f, f.size, f.looked = file, info.Size(), f.o.Now()
	return nil
}

// Write adds whole lines. It implements io.Writer.
func (f *File) Write(lines []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready(len(lines)); err != nil {
		return 0, err
	}
	n, err := f.f.Write(lines)
	f.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", f.o.Path, err)
	}
	return n, nil
}

// Sync returns when everything that was written is durable.
func (f *File) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.o.Path, err)
	}
	return nil
}

// Close closes the file. A later Write opens it again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shut()
}

func (f *File) shut() error {
	if f.f == nil {
		return nil
	}
	file := f.f
	f.f = nil
	return errors.Join(file.Sync(), file.Close())
}

// ready makes room for n bytes in a file that is where its name says.
func (f *File) ready(n int) error {
	if now := f.o.Now(); f.f != nil && now.Sub(f.looked) >= lookEvery {
		f.looked = now
		if f.moved() {
			if err := f.shut(); err != nil {
				return err
			}
		}
	}
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.o.MaxBytes == 0 || f.size == 0 || f.size+int64(n) <= f.o.MaxBytes {
		return nil
	}
	return f.rotate()
}

func (f *File) moved() bool {
	there, err := os.Stat(f.o.Path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	ours, err := f.f.Stat()
	return err == nil && !os.SameFile(there, ours)
}

// rotate puts the file aside under the time, to the microsecond so that names sort
// and differ, and begins it anew.
func (f *File) rotate() error {
	if err := f.shut(); err != nil {
		return err
	}
	aside := f.o.Path + "." + f.o.Now().UTC().Format("20060102T150405.000000Z")
	if err := os.Rename(f.o.Path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rotate %s: %w", f.o.Path, err)
	}
	if err := f.open(); err != nil {
		return err
	}
	if f.o.Keep == 0 {
		return nil
	}
	old, err := filepath.Glob(escape(f.o.Path) + ".[0-9]*Z")
	if err != nil {
		return fmt.Errorf("rotate %s: %w", f.o.Path, err)
	}
	slices.Sort(old)
	for len(old) > f.o.Keep {
		if err := os.Remove(old[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate %s: %w", f.o.Path, err)
		}
		old = old[1:]
	}
	return nil
}

// escape makes a path match itself alone as a pattern.
func escape(path string) string {
	var b []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}
