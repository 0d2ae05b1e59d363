package job_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/job"
)

// TestRest: a part of work is followed by twice as long without, and by nothing once
// the work is to end.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := job.Rest(t.Context(), 3*time.Second); err != nil || time.Since(began) != 6*time.Second {
			t.Errorf("rested %v, %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := job.Rest(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("rested %v, %v", time.Since(began), err)
		}
	})
}
