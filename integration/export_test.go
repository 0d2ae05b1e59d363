package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

// collector is a syslog server that keeps what it got by the kind of message.
type collector struct {
	mu       sync.Mutex
	messages []*rfc5424.SyslogMessage
	listener net.Listener
	conns    []net.Conn
}

func newCollector(t *testing.T, address string) *collector {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{listener: l}
	t.Cleanup(c.close)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns = append(c.conns, conn)
			c.mu.Unlock()
			go octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
				if r.Message == nil || errors.Is(r.Error, io.EOF) {
					return
				}
				c.mu.Lock()
				defer c.mu.Unlock()
				c.messages = append(c.messages, r.Message.(*rfc5424.SyslogMessage))
			})).Parse(conn)
		}
	}()
	return c
}

func (c *collector) close() {
	_ = c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// texts are the messages of a facility.
func (c *collector) texts(facility uint8) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, m := range c.messages {
		if *m.Facility == facility {
			all = append(all, *m.Message)
		}
	}
	return all
}

// ids are the entries among lines, in their order, each once, and how many seals
// there were.
func ids(t *testing.T, lines []string) (entries []string, seals int) {
	t.Helper()
	for _, line := range lines {
		var e struct{ ID, Type string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Type == "audit.seal" {
			seals++
		} else if !slices.Contains(entries, e.ID) {
			entries = append(entries, e.ID)
		}
	}
	return entries, seals
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var all []string
	for s := bufio.NewScanner(f); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

// chained are the ids of the sealed entries in the order of the chain.
func (r *drill) chained() []string {
	r.t.Helper()
	var out bytes.Buffer
	if err := app.ExportAudit(r.t.Context(), r.cfg, "", &out); err != nil {
		r.t.Fatal(err)
	}
	type entry struct {
		ID   string
		Seal int64
	}
	var all []entry
	for line := range strings.Lines(out.String()) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatal(err)
		}
		if e.Seal > 0 {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		if a.Seal != b.Seal {
			return int(a.Seal - b.Seal)
		}
		return strings.Compare(a.ID, b.ID)
	})
	list := make([]string, len(all))
	for i, e := range all {
		list[i] = e.ID
	}
	return list
}

func TestTheAuditLogIsExportedInOrderAlsoWhenTheServerWasGone(t *testing.T) {
	t.Parallel()
	folder := tempDir(t)
	c := newCollector(t, "127.0.0.1:0")
	address := c.listener.Addr().String()
	audit, logFile := filepath.Join(folder, "audit.jsonl"), filepath.Join(folder, "log", "broker.log")
	r := startDrill(t, config.SQLite, func(cfg *config.Config) {
		cfg.Audit.File.Path, cfg.Audit.Syslog.Address = audit, "tcp://"+address
		cfg.Log.File.Path, cfg.Log.Syslog.Address = logFile, "tcp://"+address
	})
	r.signIn(t, "alice", "expense-bot")
	caughtUp := func(lines func() []string) func() bool {
		return func() bool { got, seals := ids(t, lines()); return seals > 0 && slices.Equal(got, r.chained()) }
	}
	const logAudit, local0 = 13, 16
	eventually(t, "the file has the whole chain", caughtUp(func() []string { return linesOf(t, audit) }))
	eventually(t, "the server has the whole chain", caughtUp(func() []string { return c.texts(logAudit) }))
	before, _ := ids(t, c.texts(logAudit))

	c.close()
	if held := r.signedIn(); r.userinfo(held) != http.StatusOK {
		t.Error("a server that is gone holds up a sign-in")
	}
	_, _, metrics := r.get("/metrics")
	if !strings.Contains(metrics, "gatehouse_audit_export_syslog_waiting") || !strings.Contains(metrics, "gatehouse_log_syslog_dropped") {
		t.Error("nothing tells what waits")
	}
	r.stop() // what waits is sent after the next start
	again := newCollector(t, address)
	r.start()
	eventually(t, "a server that is back has the rest of the chain", func() bool {
		after, _ := ids(t, again.texts(logAudit))
		all := slices.Clone(before)
		for _, id := range after {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
		want := r.chained()
		return len(want) > len(before) && slices.Equal(all, want)
	})
	eventually(t, "so has the file", caughtUp(func() []string { return linesOf(t, audit) }))
	eventually(t, "log lines come too", func() bool {
		return slices.ContainsFunc(again.texts(local0), func(line string) bool { return strings.Contains(line, `"msg":"serving"`) })
	})
	if lines := linesOf(t, logFile); !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, `"msg":"serving"`) }) {
		t.Errorf("%v", lines)
	}
}
