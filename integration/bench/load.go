package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
)

// warmUp is how long load runs before it is measured, each round.
const warmUp = 500 * time.Millisecond

// operation is one request or several that belong together.
type operation func(*http.Client) error

// measure adds row with what load from all workers costs the server in a round, in
// CPU time per operation, and of servers beside it. With a rate it is so many a second,
// without as many as there can be. each makes the operation of one worker.
func (b *bench) measure(pid int, servers []int, row Row, rate float64, each func(worker int) func(*http.Client) error) error {
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: b.workers, MaxConnsPerHost: b.workers},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	defer client.CloseIdleConnections()
	ops := make([]operation, b.workers)
	for i := range ops {
		ops[i] = each(i)
	}
	if _, err := drive(client, ops, warmUp, rate); err != nil {
		return err
	}
	length, began := b.length/time.Duration(b.rounds), time.Now()
	before, err := live.CPU(pid)
	if err != nil {
		return err
	}
	beside, err := live.CPUOfServers(servers)
	if err != nil {
		return err
	}
	took, err := drive(client, ops, length, rate)
	if err != nil {
		return err
	}
	after, err := live.CPU(pid)
	if err != nil {
		return err
	}
	besides, err := live.CPUOfServers(servers)
	if err != nil {
		return err
	}
	slices.Sort(took)
	n := len(took)
	if n == 0 {
		return errors.New("nothing was answered")
	}
	row.CPU, row.Servers = float64((after-before).Microseconds())/float64(n), float64((besides-beside).Microseconds())/float64(n)
	row.RPS = float64(n) / time.Since(began).Seconds()
	row.P50, row.P99 = ms(took[n/2]), ms(took[n*99/100])
	b.add(row)
	return nil
}

// othersRest waits until the other brokers and their servers have done what the rows
// before left them, such as entries to seal: what a row costs is not to depend on which
// came before it. It waits for half a minute at most.
func (b *bench) othersRest(t *target) error {
	const look, atRest, most = 250 * time.Millisecond, 20 * time.Millisecond, 30 * time.Second
	var others []int
	for _, other := range b.targets {
		if other != t {
			others = append(append(others, other.pid), other.servers...)
		}
	}
	for end := time.Now().Add(most); time.Now().Before(end); {
		before, err := live.CPUOfServers(others)
		if err != nil {
			return err
		}
		time.Sleep(look)
		after, err := live.CPUOfServers(others)
		if err != nil || after-before <= atRest {
			return err
		}
	}
	return nil
}

// drive runs every operation in a loop for length, or until it ends with io.EOF, and
// returns how long each took. With a rate, all together are begun so often a second,
// evenly, and one that is begun late took as long as if it had been in time.
func drive(client *http.Client, ops []operation, length time.Duration, rate float64) ([]time.Duration, error) {
	var (
		mu    sync.Mutex
		all   []time.Duration
		first error
		wg    sync.WaitGroup
	)
	var interval time.Duration
	if rate > 0 {
		interval = time.Duration(float64(len(ops)) / rate * float64(time.Second))
	}
	start := time.Now()
	end := start.Add(length)
	for i, op := range ops {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			due := start.Add(interval * time.Duration(i) / time.Duration(len(ops)))
			for err == nil && time.Now().Before(end) {
				began := time.Now()
				if wait := due.Sub(began); wait > 0 {
					time.Sleep(wait)
					began = time.Now()
				} else if rate > 0 {
					began = due
				}
				due = due.Add(interval)
				err = op(client)
				mine = append(mine, time.Since(began))
			}
			if errors.Is(err, io.EOF) {
				mine, err = mine[:len(mine)-1], nil
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	return all, first
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// form makes a POST of a urlencoded body.
func form(target, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body)) //nolint:noctx // the client's timeout bounds it
	if err != nil {
		panic(err) // the targets are ours
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// expect sends req and fails unless the answer has the status.
func expect(c *http.Client, req *http.Request, status int) error {
	_, err := read(c, req, status)
	return err
}

// read is expect that also returns the body.
func read(c *http.Client, req *http.Request, status int) ([]byte, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL.Path, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL.Path, err)
	}
	if res.StatusCode != status {
		return nil, fmt.Errorf("%s: %s: %s", req.URL.Path, res.Status, body)
	}
	return body, nil
}

// process is a server that this program started and ends by its id.
type process struct{ cmd *exec.Cmd }

// startPrinting starts a program and returns the first line that it prints.
func startPrinting(ctx context.Context, program string, args ...string) (*process, string, error) {
	p, out, err := start(ctx, program, args...)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("%s did not start: %w", program, err)
	}
	return p, strings.TrimSpace(line), nil
}

func start(ctx context.Context, program string, args ...string) (*process, io.Reader, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: ourselves and the broker that was just built
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", program, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", program, err)
	}
	return &process{cmd}, out, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	_ = p.cmd.Wait()
}
