package live

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

// Process is a broker as a process of its own, and how to start it again.
type Process struct {
	// Program is the built broker and Config its configuration; Args is how it is started,
	// and Env are its GATEHOUSE_ variables.
	Program, Config string
	Args, Env       []string
	// Address is where it listens, Data its folder and Log the file of what it prints.
	Address, Data, Log string

	cmd   *exec.Cmd
	ended chan error
}

// Process describes a broker of this stage. It is not started.
func (s *Stage) Process(name, address string, env ...string) *Process {
	data := filepath.Join(s.Dir, name)
	return &Process{
		Program: s.Program, Config: s.ConfigFile(), Args: []string{s.Program, "serve", "--config", s.ConfigFile()}, Address: address, Data: data, Log: data + ".log",
		// No limits: what is replayed on purpose fails, and alice enters one app all the time.
		Env: append([]string{
			"GATEHOUSE_DATA_DIR=" + data, "GATEHOUSE_LISTEN=" + address, "GATEHOUSE_LOG_LEVEL=warn", "GATEHOUSE_LIMITS_CLIENT_FAILURES=0",
			"GATEHOUSE_LIMITS_ADDRESS_FAILURES=0", "GATEHOUSE_LIMITS_SIGN_INS=0", "GATEHOUSE_LIMITS_PERSON=0", "GATEHOUSE_LIMITS_API_TOKEN=0",
		}, env...),
	}
}

// Socket is where operators reach it.
func (p *Process) Socket() string { return filepath.Join(p.Data, "broker.sock") }

// Start starts the process and returns once it is ready, with how long it took.
func (p *Process) Start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := os.MkdirAll(p.Data, 0o700); err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p.cmd = exec.Command(p.Args[0], p.Args[1:]...)
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the broker: %w", err)
	}
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	return time.Since(began), p.awaitReady(ctx, began.Add(startLimit))
}

func (p *Process) awaitReady(ctx context.Context, until time.Time) error {
	for !p.ready(ctx) {
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("the broker ended: %w: %s", err, p.Tail())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(until) {
			return fmt.Errorf("the broker is not ready: %s", p.Tail())
		}
	}
	return nil
}

// ready asks whether it takes traffic.
func (p *Process) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+"/readyz", nil)
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

// PID is the process id of a broker that runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends it without any chance to clean up.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	err := <-p.ended
	p.ended <- err // for whoever asks next
}

// Stop asks it to end, and fails when it does not end well.
func (p *Process) Stop() error {
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
		p.Kill()
		return errors.New("the broker did not end when it was asked to")
	}
}

// Command runs a subcommand of the binary on the same configuration.
func (p *Process) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.Program, append(args, "--config", p.Config)...)
	cmd.Env = append(os.Environ(), p.Env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Tail is the end of its log.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
