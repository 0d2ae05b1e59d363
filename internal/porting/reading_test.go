package porting_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/porting"
)

// only is the one import that there is.
func (w *world) only(t *testing.T) porting.Import {
	t.Helper()
	all, _, err := w.List(t.Context(), "", 10)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v %v", all, err)
	}
	return all[0]
}

// awaited is a file that says whenever more of it is waited for.
type awaited struct {
	io.Reader
	waits chan struct{}
}

// Read implements io.Reader.
func (a awaited) Read(p []byte) (int, error) {
	a.waits <- struct{}{}
	return a.Reader.Read(p)
}

func TestAFileThatStopsComingIsRefusedAndOneThatComesSlowlyIsNot(t *testing.T) {
	directories(t, func(t *testing.T, open func(*testing.T) *world) {
		w := open(t)
		in, out := io.Pipe()
		file, ended := awaited{in, make(chan struct{}, 16)}, make(chan error, 1)
		go func() {
			_, err := w.Receive(t.Context(), porting.New{Format: porting.Gatehouse, By: by}, file)
			_ = in.Close()
			ended <- err
		}()
		send := func(text string) {
			t.Helper()
			if _, err := io.WriteString(out, text+"\n"); err != nil {
				t.Fatal(err)
			}
		}
		state := func() porting.State {
			t.Helper()
			if err := w.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			return w.only(t).State
		}
		<-file.waits
		send(`{"kind":"directory","version":1}`)
		<-file.waits
		for n := range 4 {
			w.now.Add(int64(time.Minute))
			send(fmt.Sprintf(`{"kind":"person","id":"p%d","identities":[{"connection":"acme","subject":"p%d"}]}`, n, n))
			<-file.waits // whoever reads has told that it comes
			if got := state(); got != porting.Reading {
				t.Fatalf("control: while it comes, it is %s", got)
			}
		}
		w.now.Add(int64(5 * time.Minute)) // as after a broker that was killed
		if got := state(); got != porting.Refused {
			t.Errorf("once nothing comes, it is %s", got)
		}
		_, _ = io.WriteString(out, `{"kind":"end","lines":5}`+"\n")
		_ = out.Close()
		if err := <-ended; !errors.Is(err, porting.ErrState) {
			t.Errorf("whoever comes too late is told %v", err)
		}
		if got := state(); got != porting.Refused {
			t.Errorf("it is %s", got)
		}
	})
}

func TestWhatIsDiscardedWhileItComesLeavesNothing(t *testing.T) {
	w := open(t, sqlite(t))
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := w.Receive(t.Context(), porting.New{Format: porting.Gatehouse, By: by}, in)
		ended <- err
	}()
	if _, err := io.WriteString(out, `{"kind":"directory","version":1}`+"\n"); err != nil {
		t.Fatal(err)
	}
	id := w.only(t).ID
	if err := w.Discard(t.Context(), id, by); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(out, `{"kind":"person","id":"p","identities":[{"connection":"acme","subject":"p"}]}`+"\n"+`{"kind":"end","lines":2}`+"\n")
	_ = out.Close()
	if err := <-ended; !errors.Is(err, porting.ErrNotFound) {
		t.Errorf("%v", err)
	}
	lines, err := w.db.Imports().NextLines(t.Context(), id, nil, 10, porting.Unlooked)
	if err != nil || len(lines) > 0 {
		t.Errorf("%d lines stay: %v", len(lines), err)
	}
}
