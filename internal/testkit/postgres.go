package testkit

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

// startLimit is how long a server may take to answer.
const startLimit = 60 * time.Second

// PostgresServer is a PostgreSQL that can be stopped and started again with what
// it holds.
type PostgresServer struct {
	// DSN is the connection string of a database that was empty.
	DSN string

	t       T
	program string
	args    []string
	dir     string
	as      *syscall.SysProcAttr
	process *exec.Cmd // nil while stopped
}

// Postgres starts a PostgreSQL server for the test and returns the connection
// string of an empty database. It never skips: without PostgreSQL the test fails
// and says how to get it.
func Postgres(t T) string {
	t.Helper()
	return NewPostgres(t).DSN
}

// NewPostgres is Postgres for a test that also stops the server.
func NewPostgres(t T) *PostgresServer {
	t.Helper()
	bin := postgresBin(t)
	dir, err := os.MkdirTemp("", "gatehouse-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := owner(t, dir)
	data := filepath.Join(dir, "data")
	run(t, as, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	port := FreePort(t)
	s := &PostgresServer{
		DSN: "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable",
		t:   t, program: filepath.Join(bin, "postgres"), dir: dir, as: as,
		args: []string{"-D", data, "-h", "127.0.0.1", "-p", port, "-k", dir, "-F"},
	}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a stopped server and returns when it answers.
func (s *PostgresServer) Start() {
	s.t.Helper()
	s.process = exec.Command(s.program, s.args...)
	s.process.Dir, s.process.SysProcAttr = s.dir, s.as
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	await(s.t, s.DSN)
}

// PID is the process id of a server that runs.
func (s *PostgresServer) PID() int { return s.process.Process.Pid }

// Stop ends the server and every connection to it, in good order.
func (s *PostgresServer) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = s.process.Wait()
	s.process = nil
}

func postgresBin(t T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Fatal("PostgreSQL is missing: `make test` installs it")
	}
	return filepath.Dir(slices.Max(found))
}

// owner gives the folder to the user postgres when the test runs as root, which
// PostgreSQL refuses to run as.
func owner(t T, dir string) *syscall.SysProcAttr {
	t.Helper()
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attr
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no user postgres: %v", err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr
}

func run(t T, as *syscall.SysProcAttr, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr, cmd.Dir = as, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func await(t T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tick, limit := time.NewTicker(20*time.Millisecond), time.After(startLimit)
	defer tick.Stop()
	for db.PingContext(t.Context()) != nil {
		select {
		case <-limit:
			t.Fatal("PostgreSQL did not start")
		case <-tick.C:
		}
	}
}
