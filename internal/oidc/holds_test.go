package oidc

import (
	"errors"
	"strconv"
	"testing"
)

func TestNoMoreFollowersWaitThanThereIsRoomFor(t *testing.T) {
	h := &holds{}
	var of []func()
	for range mostHeldOf {
		release, err := h.take("payroll")
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, release)
	}
	if _, err := h.take("payroll"); !errors.Is(err, errHeldOf) {
		t.Errorf("one more of a client: %v", err)
	}
	if release, err := h.take("ledger"); err != nil {
		t.Errorf("control: another client: %v", err)
	} else {
		release()
	}
	of[0]()
	if release, err := h.take("payroll"); err != nil {
		t.Errorf("control: once one was answered: %v", err)
	} else {
		release()
	}
	for i := 0; h.all < mostHeld; i++ {
		if _, err := h.take("client-" + strconv.Itoa(i/mostHeldOf)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.take("another"); !errors.Is(err, errHeld) {
		t.Errorf("one more of all: %v", err)
	}
	of[1]()
	if _, err := h.take("another"); err != nil {
		t.Errorf("control: once one of all was answered: %v", err)
	}
}
