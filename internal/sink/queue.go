package sink

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// queued is how many lines wait for a syslog server at most.
const queued = 8192

// Queue sends log lines to a Syslog without holding up who logs. When the server
// is slow or gone, lines that find no room are dropped and counted: the next line
// that is sent says how many. It is the writer of slog's JSON handler.
type Queue struct {
	to      *Syslog
	now     func() time.Time
	lines   chan Message
	dropped atomic.Int64
	done    chan struct{}

	mu     sync.RWMutex // held for reading while adding, so that Close can wait
	closed bool
}

// NewQueue returns a Queue that sends until it is closed.
func NewQueue(to *Syslog, now func() time.Time) *Queue {
	q := &Queue{to: to, now: now, lines: make(chan Message, queued), done: make(chan struct{})}
	go q.run()
	return q
}

// severities are the levels as slog's JSON handler writes them.
var severities = []struct {
	level    []byte
	severity Severity
}{
	{[]byte(`"level":"INFO`), Info}, {[]byte(`"level":"WARN`), Warning}, {[]byte(`"level":"ERROR`), Error}, {[]byte(`"level":"DEBUG`), Debug},
}

// Write adds a line and never fails. It implements io.Writer.
func (q *Queue) Write(line []byte) (int, error) {
	m := Message{Severity: Info, Time: q.now(), ID: "log", Text: string(line)}
	for _, s := range severities {
		if bytes.Contains(line, s.level) {
			m.Severity = s.severity
			break
		}
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return len(line), nil
	}
	select {
	case q.lines <- m:
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// Dropped is how many lines were not sent, for a metric.
func (q *Queue) Dropped() int64 { return q.dropped.Load() }

// Close sends what waits, for a few seconds, and ends the queue.
func (q *Queue) Close() error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	<-q.done
	return q.to.Close()
}

func (q *Queue) run() {
	defer close(q.done)
	var told int64
	for m := range q.lines {
		ctx, cancel := context.WithTimeout(context.Background(), syslogTimeout)
		err := q.to.Send(ctx, m)
		if n := q.dropped.Load(); err == nil && n > told {
			err = q.to.Send(ctx, Message{Severity: Warning, Time: q.now(), ID: "dropped", Text: strconv.FormatInt(n-told, 10) + " lines were dropped"})
			if err == nil {
				told = n
			}
		} else if err != nil {
			q.dropped.Add(1)
		}
		cancel()
		if err != nil {
			q.rest()
		}
	}
}

// rest leaves a server that does not answer alone for a moment, unless the queue
// is to end.
func (q *Queue) rest() {
	q.mu.RLock()
	closed := q.closed
	q.mu.RUnlock()
	if closed {
		for range q.lines { // nobody takes it
			q.dropped.Add(1)
		}
		return
	}
	<-time.After(time.Second)
}
