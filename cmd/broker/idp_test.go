package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// absent is what the broker answers as long as nobody has finished a test.
func absent(context.Context) ([]byte, error) {
	return nil, &client.Error{Exit: client.Failure, Code: "trace_not_found"}
}

func TestTheReportOfATestIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		answer, err := awaitTrace(t.Context(), func(ctx context.Context) ([]byte, error) {
			if time.Since(began) < 5*lookEvery {
				return absent(ctx)
			}
			return []byte("report"), nil
		})
		if string(answer) != "report" || err != nil {
			t.Errorf("answered %q, %v", answer, err)
		}
	})
}

func TestWaitingForATestEnds(t *testing.T) {
	boom := errors.New("the broker is gone")
	for name, c := range map[string]struct {
		begin func(context.Context) (context.Context, context.CancelFunc)
		look  func(context.Context) ([]byte, error)
		want  string
		after time.Duration
	}{
		"when the test expires": {
			begin: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 10*time.Minute)
			},
			look: absent, want: "nobody finished the test in time", after: 10 * time.Minute,
		},
		"when it is interrupted": {
			begin: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(1500*time.Millisecond, cancel)
				return ctx, cancel
			},
			look: absent, want: "interrupted while waiting for the report", after: 1500 * time.Millisecond,
		},
		"when the broker says something else": {
			begin: context.WithCancel,
			look:  func(context.Context) ([]byte, error) { return nil, boom }, want: boom.Error(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.begin(t.Context())
				defer cancel()
				began := time.Now()
				_, err := awaitTrace(ctx, c.look)
				if err == nil || err.Error() != c.want || time.Since(began) != c.after {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}
