package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

func TestWhoFollowsAnImportNeedNotWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		begun := time.Now()
		i, err := new(client.Client).Follow(ctx, []byte(`{"id":"i","state":"checking"}`), nil)
		if !errors.Is(err, context.Canceled) || i.ID != "i" || time.Since(begun) != time.Millisecond {
			t.Errorf("%+v after %s: %v", i, time.Since(begun), err)
		}
		if i, err := new(client.Client).Follow(t.Context(), []byte(`{"id":"i","state":"checked"}`), nil); err != nil || i.State != client.Checked {
			t.Errorf("control: %+v %v", i, err)
		}
	})
}
