package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// RedisServer is a Redis that keeps nothing on disk.
type RedisServer struct {
	URL string

	t       T
	address string
	args    []string
	process *exec.Cmd // nil while stopped
}

// Redis starts a Redis server for the test, with further options of redis-server.
// It never skips: without Redis the test fails and says how to get it.
func Redis(t T, options ...string) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing: `make test` installs it")
	}
	dir, err := os.MkdirTemp("", "gatehouse-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := FreePort(t)
	s := &RedisServer{t: t, address: net.JoinHostPort("127.0.0.1", port)}
	s.URL = "redis://" + s.address + "/0"
	s.args = slices.Concat([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir, "--daemonize", "no",
	}, options)
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a stopped server, empty, and returns when it answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	s.process = exec.Command("redis-server", s.args...)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	limit := time.Now().Add(startLimit)
	for s.command("PING") != "+PONG\r\n" {
		if time.Now().After(limit) {
			s.t.Fatal("Redis did not start")
		}
		time.Sleep(5 * time.Millisecond) // a server of its own starts on the real clock
	}
}

// Stop kills the server: what it remembered is lost.
func (s *RedisServer) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// Pause makes the server stand still, with its connections open, until Resume.
func (s *RedisServer) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *RedisServer) Resume() { s.signal(syscall.SIGCONT) }

// PID is the process id of a server that runs.
func (s *RedisServer) PID() int { return s.process.Process.Pid }

func (s *RedisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Flush makes the server forget everything while it goes on.
func (s *RedisServer) Flush() {
	s.t.Helper()
	if answer := s.command("FLUSHALL"); answer != "+OK\r\n" {
		s.t.Fatalf("FLUSHALL: %q", answer)
	}
}

// command sends one inline command and returns the first answer, "" for none.
func (s *RedisServer) command(text string) string {
	c, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", text); err != nil {
		return ""
	}
	answer := make([]byte, 64)
	n, err := c.Read(answer)
	if err != nil {
		return ""
	}
	return string(answer[:n])
}
