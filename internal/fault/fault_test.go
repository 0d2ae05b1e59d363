package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

var errSample = fault.New(fault.Denied, "sample", "you may not")

func TestAFaultIsFoundByItsCodeHoweverItIsWrapped(t *testing.T) {
	for name, err := range map[string]error{
		"itself":            errSample,
		"pointing":          errSample.At("/spec/name"),
		"wrapped":           fmt.Errorf("apply: %w", errSample.At("x")),
		"joined":            errors.Join(io.EOF, errSample),
		"with other detail": fault.Wrap(io.EOF, fault.Denied, "sample", "not you"),
	} {
		if !errors.Is(err, errSample) || fault.KindOf(err) != fault.Denied || fault.As(err).Code != "sample" {
			t.Errorf("%s: %v is no longer the fault", name, err)
		}
	}
	if errors.Is(fault.New(fault.Denied, "another", "you may not"), errSample) {
		t.Error("another code is taken for it")
	}
	if errSample.Pointer != "" {
		t.Error("At changed the sentinel")
	}
}

// An error that nobody classified is ours, and nothing of it goes outside.
func TestWhatNobodyClassifiedIsInternalAndTellsNothing(t *testing.T) {
	secret := errors.New("dial 10.0.0.7 as root")
	for name, err := range map[string]error{"bare": secret, "wrapped": fmt.Errorf("save: %w", secret)} {
		f := fault.As(err)
		if fault.KindOf(err) != fault.Internal || f.Kind != fault.Internal || strings.Contains(f.Detail, "10.0.0.7") {
			t.Errorf("%s: %v with the detail %q", name, f.Kind, f.Detail)
		}
		if !errors.Is(f, secret) || !strings.Contains(f.Error(), "10.0.0.7") {
			t.Errorf("%s: the log loses the cause: %v", name, f)
		}
	}
	var zero fault.Kind
	if zero != fault.Internal {
		t.Error("a kind that nobody set is somebody else's fault")
	}
}

func TestTheDetailIsApartFromTheCause(t *testing.T) {
	f := fault.Wrap(io.ErrUnexpectedEOF, fault.Unavailable, "store", "try %s", "again").At("line 3")
	if f.Detail != "try again" || f.Error() != "store at line 3: try again: unexpected EOF" || !errors.Is(f, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %q", f.Detail, f.Error())
	}
}

func TestEveryKindHasANameOfItsOwn(t *testing.T) {
	seen := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if other, twice := seen[k.String()]; twice {
			t.Errorf("%d and %d are both called %s", other, k, k)
		}
		seen[k.String()] = k
	}
	if got := (fault.Unavailable + 1).String(); got != "internal" {
		t.Errorf("a kind that there is not is called %s", got)
	}
}
