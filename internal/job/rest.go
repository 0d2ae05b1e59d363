package job

import (
	"context"
	"time"
)

// restShare is how many times as long as it worked long work rests.
const restShare = 2

// Rest is for work that is done in parts while people wait for the same place, such as
// a database with one writer: after a part that took so long it returns when twice that
// time is over, or ctx is, and then its error. Who comes meanwhile finds the place free.
func Rest(ctx context.Context, took time.Duration) error {
	timer := time.NewTimer(restShare * took)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
