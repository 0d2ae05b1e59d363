package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/scim"
)

// client sends requests to a place.
type client struct {
	*place
	http *http.Client
}

// patience is how long an answer may take.
const patience = time.Minute

func (p *place) client(connections int) *client {
	return &client{p, &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
}

// do sends a body to a path, nil for none, and returns the answer's body.
func (c *client) do(ctx context.Context, method, path string, body any, status int) ([]byte, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return c.send(ctx, method, path, raw, status)
}

// send is do with a body that is JSON already.
func (c *client) send(ctx context.Context, method, path string, raw []byte, status int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base()+path, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", scim.MediaType)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, answer)
	}
	return answer, nil
}

// each times two kinds of requests by turns, so that what else the machine does falls on
// both, and returns the median of each. The first tenth warms up.
func each(times int, requests ...func(i int) error) (medians []time.Duration, err error) {
	took := make([][]time.Duration, len(requests))
	warm := times / 10
	for i := range warm + times {
		for of, request := range requests {
			began := time.Now()
			if err := request(i); err != nil {
				return nil, err
			}
			if i >= warm {
				took[of] = append(took[of], time.Since(began))
			}
		}
	}
	for _, all := range took {
		slices.Sort(all)
		medians = append(medians, all[len(all)/2])
	}
	return medians, nil
}

// together has workers send requests for a time, and returns how many things they made a
// second; each request says how many it made.
func together(workers int, length time.Duration, request func(worker, i int) (int, error)) (rate float64, made int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		wg.Go(func() {
			for i := 0; time.Since(began) < length; i++ {
				n, failed := request(worker, i)
				mu.Lock()
				if made += n; failed != nil && err == nil {
					err = failed
				}
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(made) / time.Since(began).Seconds(), made, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
