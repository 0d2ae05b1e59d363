package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/sink"
)

// followEvery is how often what was sealed is looked for by who exports it.
const followEvery = time.Second

// sinks are where log lines and audit entries go beside their usual places.
type sinks struct {
	log       io.Writer // everything that a log line goes to
	queue     *sink.Queue
	followers []*audit.Follower
	closers   []io.Closer
}

// openSinks opens the configured files and servers.
func (p *parts) openSinks(usual io.Writer) error {
	s := &p.sinks
	all := tee{usual}
	file, server, err := s.open(p.cfg.Log.File, p.cfg.Log.Syslog, p.now)
	if file != nil {
		all = append(all, file)
	}
	if server != nil {
		s.queue = sink.NewQueue(server, p.now)
		all, s.closers = append(all, s.queue), append(s.closers, s.queue)
	}
	s.log = all
	if err != nil {
		return err
	}
	file, server, err = s.open(p.cfg.Audit.File, p.cfg.Audit.Syslog, p.now)
	if file != nil {
		s.followers = append(s.followers, &audit.Follower{Name: "file", Target: fileTarget{file}})
	}
	if server != nil {
		s.followers = append(s.followers, &audit.Follower{Name: "syslog", Target: syslogTarget{server}})
	}
	return err
}

// open opens what is configured of a file and a server; nil is not configured.
func (s *sinks) open(f config.File, l config.Syslog, now func() time.Time) (file *sink.File, server *sink.Syslog, err error) {
	if f.Path != "" {
		if file, err = sink.OpenFile(sink.FileOptions{Path: f.Path, MaxBytes: f.MaxBytes, Keep: f.Keep, Now: now}); err != nil {
			return nil, nil, err
		}
		s.closers = append(s.closers, file)
	}
	if l.Address != "" {
		host, _ := os.Hostname() // without a name it is "-"
		server, err = sink.NewSyslog(sink.SyslogOptions{Address: l.Address, Facility: l.Facility, CA: l.CA, App: "gatehouse", Host: host})
		if err != nil {
			return file, nil, err
		}
		s.closers = append(s.closers, server)
	}
	return file, server, nil
}

// close ends them, the last first: a queue before its server.
func (s *sinks) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	return errors.Join(errs...)
}

// follow exports the audit log as long as the broker runs, and tells what waits.
func (p *parts) follow() {
	for _, f := range p.sinks.followers {
		f.Store, f.Now = p.db, p.now
		p.jobs.Every("audit-export-"+f.Name, followEvery, f.Follow)
		p.metrics.Gauge("gatehouse_audit_export_"+f.Name+"_waiting", "Seals of the audit log that the export to a "+f.Name+" has not copied yet.",
			func(ctx context.Context) (float64, error) { n, err := f.Waiting(ctx); return float64(n), err })
	}
	if q := p.sinks.queue; q != nil {
		p.metrics.Gauge("gatehouse_log_syslog_dropped", "Log lines since the start that the syslog server did not get.",
			func(context.Context) (float64, error) { return float64(q.Dropped()), nil })
	}
}

// tee writes to every writer, whatever becomes of the others: a log has nobody to
// tell of its own trouble.
type tee []io.Writer

// Write implements io.Writer.
func (t tee) Write(line []byte) (int, error) {
	for _, w := range t {
		_, _ = w.Write(line)
	}
	return len(line), nil
}

// fileTarget exports to a file and returns when it is durable.
type fileTarget struct{ file *sink.File }

// Copy implements audit.Target.
func (t fileTarget) Copy(_ context.Context, seal audit.Seal, entries []audit.Entry) error {
	lines, err := audit.Lines(seal, entries)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, l := range lines {
		b.Write(l.Text)
		b.WriteByte('\n')
	}
	if _, err := t.file.Write(b.Bytes()); err != nil {
		return err
	}
	return t.file.Sync()
}

// syslogTarget exports to a syslog server.
type syslogTarget struct{ server *sink.Syslog }

// Copy implements audit.Target.
func (t syslogTarget) Copy(ctx context.Context, seal audit.Seal, entries []audit.Entry) error {
	lines, err := audit.Lines(seal, entries)
	if err != nil {
		return err
	}
	messages := make([]sink.Message, len(lines))
	for i, l := range lines {
		messages[i] = sink.Message{Severity: sink.Notice, Time: l.Time, ID: l.Type, Text: string(l.Text)}
	}
	return t.server.Send(ctx, messages...)
}
