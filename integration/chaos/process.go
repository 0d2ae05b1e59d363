package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startLimit is how long a broker may take to be ready.
const startLimit = 60 * time.Second

// process is a broker as a process of its own, and how to start it again.
type process struct {
	program string // the built broker
	config  string
	args    []string // how it is started
	env     []string // GATEHOUSE_ variables
	address string
	data    string
	log     string
	cmd     *exec.Cmd
	ended   chan error
}

// newProcess describes a broker of this stage. It is not started.
func (s *stage) newProcess(name, address string, env ...string) *process {
	data := filepath.Join(s.dir, name)
	return &process{
		program: s.program, config: s.ConfigFile(), args: []string{s.program, "serve", "--config", s.ConfigFile()}, address: address, data: data, log: data + ".log",
		// No limits: what is replayed on purpose fails, and alice enters one app all the time.
		env: append([]string{
			"GATEHOUSE_DATA_DIR=" + data, "GATEHOUSE_LISTEN=" + address, "GATEHOUSE_LOG_LEVEL=warn", "GATEHOUSE_LIMITS_CLIENT_FAILURES=0",
			"GATEHOUSE_LIMITS_ADDRESS_FAILURES=0", "GATEHOUSE_LIMITS_SIGN_INS=0", "GATEHOUSE_LIMITS_PERSON=0", "GATEHOUSE_LIMITS_API_TOKEN=0",
		}, env...),
	}
}

func (p *process) socket() string { return filepath.Join(p.data, "broker.sock") }

// start starts the process and returns once it is ready, with how long it took.
func (p *process) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the broker: %w", err)
	}
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	return time.Since(began), p.awaitReady(ctx, began.Add(startLimit))
}

func (p *process) awaitReady(ctx context.Context, until time.Time) error {
	for !p.ready(ctx) {
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("the broker ended: %w: %s", err, p.tail())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(until) {
			return fmt.Errorf("the broker is not ready: %s", p.tail())
		}
	}
	return nil
}

// ready asks whether it takes traffic.
func (p *process) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// kill ends it without any chance to clean up.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	err := <-p.ended
	p.ended <- err // for whoever asks next
}

// stop asks it to end, and fails when it does not end well.
func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-p.ended:
		p.ended <- nil
		return err
	case <-time.After(startLimit):
		p.kill()
		return errors.New("the broker did not end when it was asked to")
	}
}

// command runs a subcommand of the binary on the same configuration.
func (p *process) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.program, append(args, "--config", p.config)...)
	cmd.Env = append(os.Environ(), p.env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// tail is the end of its log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
