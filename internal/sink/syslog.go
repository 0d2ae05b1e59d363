package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// facilities are the names that a Syslog knows, with their codes (RFC 5424, section
// 6.2.1).
var facilities = map[string]int{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// Severity is how bad a message is (RFC 5424, section 6.2.1).
type Severity int

// The severities that are used.
const (
	Error   Severity = 3
	Warning Severity = 4
	Notice  Severity = 5
	Info    Severity = 6
	Debug   Severity = 7
)

// syslogTimeout bounds a connection and a write.
const syslogTimeout = 5 * time.Second

// maxDatagram is what one message may have over unix and UDP, in bytes.
const maxDatagram = 60 << 10

// SyslogOptions say where a Syslog is. All but CA are required.
type SyslogOptions struct {
	// Address is unix:///path, udp://host:port, tcp://host:port or tls://host:port.
	Address string
	// Facility is a name such as local0.
	Facility string
	// CA names a file of PEM certificates that vouch for a tls server; empty means
	// the system's.
	CA string
	// App and Host begin every message.
	App, Host string
}

// Syslog sends messages to a syslog server: RFC 5424 in a datagram each over unix
// and UDP (RFC 5426), and with their length before them over TCP (RFC 6587, section
// 3.4.1) and TLS (RFC 5425). A connection that breaks is made again with the next
// message. No transport of syslog tells that a message was kept: over TCP what was
// under way when a server went is lost. It is safe for concurrent use.
type Syslog struct {
	o        SyslogOptions
	network  string
	target   string
	facility int
	tls      *tls.Config

	mu   sync.Mutex
	conn net.Conn
	gone *atomic.Bool // the server has ended conn
}

// errAddress is what an address must be.
var errAddress = errors.New("must be unix:///path, udp://host:port, tcp://host:port or tls://host:port")

func parseAddress(address string) (network, target string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errAddress
	}
	if u.Scheme == "unix" && u.Host == "" && len(u.Path) > 1 {
		return "unix", u.Path, nil
	}
	if (u.Scheme == "udp" || u.Scheme == "tcp" || u.Scheme == "tls") && u.Hostname() != "" && u.Port() != "" && u.Path == "" {
		return u.Scheme, u.Host, nil
	}
	return "", "", errAddress
}

// NewSyslog returns a Syslog, which connects with its first message.
func NewSyslog(o SyslogOptions) (*Syslog, error) {
	network, target, err := parseAddress(o.Address)
	if err != nil {
		return nil, fmt.Errorf("syslog: address %w", err)
	}
	facility, known := facilities[o.Facility]
	if !known {
		return nil, fmt.Errorf("syslog: there is no facility %q", o.Facility)
	}
	s := &Syslog{o: o, network: network, target: target, facility: facility}
	if s.network != "tls" {
		return s, nil
	}
	host, _, err := net.SplitHostPort(s.target)
	if err != nil {
		return nil, fmt.Errorf("syslog: %w", err)
	}
	s.tls = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if o.CA == "" {
		return s, nil
	}
	text, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("syslog: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("syslog: %s has no certificate", o.CA)
	}
	return s, nil
}

// Message is one message.
type Message struct {
	Severity Severity
	Time     time.Time
	// ID is the kind of message, of printable ASCII without spaces.
	ID   string
	Text string
}

// Send sends messages in order. When it fails, some may have been sent.
func (s *Syslog) Send(ctx context.Context, messages ...Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		if err := s.send(ctx, s.format(m)); err != nil {
			return fmt.Errorf("syslog: %w", err)
		}
	}
	return nil
}

// send tries again once over a new connection: the one before may have been closed
// while nothing was sent.
func (s *Syslog) send(ctx context.Context, text []byte) error {
	fresh := s.conn == nil
	err := s.write(ctx, text)
	if err != nil && !fresh && ctx.Err() == nil {
		err = s.write(ctx, text)
	}
	return err
}

func (s *Syslog) write(ctx context.Context, text []byte) error {
	if s.conn != nil && s.gone.Load() {
		_ = s.conn.Close() // nobody is at its other end
		s.conn = nil
	}
	if s.conn == nil {
		if err := s.dial(ctx); err != nil {
			return err
		}
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(syslogTimeout))
	if err == nil {
		_, err = s.conn.Write(text)
	}
	if err != nil {
		_ = s.conn.Close() // the write tells what matters
		s.conn = nil
	}
	return err
}

func (s *Syslog) dial(ctx context.Context) (err error) {
	d := net.Dialer{Timeout: syslogTimeout}
	switch s.network {
	case "unix":
		if s.conn, err = d.DialContext(ctx, "unixgram", s.target); err != nil {
			s.conn, err = d.DialContext(ctx, "unix", s.target)
		}
	case "tls":
		s.conn, err = (&tls.Dialer{NetDialer: &d, Config: s.tls}).DialContext(ctx, "tcp", s.target)
	default:
		s.conn, err = d.DialContext(ctx, s.network, s.target)
	}
	if err != nil {
		s.conn = nil
		return err
	}
	s.gone = new(atomic.Bool)
	if s.network == "tcp" || s.network == "tls" {
		go watch(s.conn, s.gone)
	}
	return nil
}

// watch notices that a server ends the connection, which a write would find out too
// late: a syslog server never says anything.
func watch(c net.Conn, gone *atomic.Bool) {
	_, _ = io.Copy(io.Discard, c) // any end is one
	gone.Store(true)
}

// Close ends the connection. A later Send makes another.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}

// format writes a message as its transport wants it.
func (s *Syslog) format(m Message) []byte {
	text := strings.TrimRight(m.Text, "\n")
	if (s.network == "udp" || s.network == "unix") && len(text) > maxDatagram {
		text = strings.ToValidUTF8(text[:maxDatagram], "")
	}
	line := "<" + strconv.Itoa(s.facility*8+int(m.Severity)) + ">1 " + m.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00") + " " +
		word(s.o.Host, 255) + " " + word(s.o.App, 48) + " " + strconv.Itoa(os.Getpid()) + " " + word(m.ID, 32) + " - " + text
	if s.network == "tcp" || s.network == "tls" {
		line = strconv.Itoa(len(line)) + " " + line
	}
	return []byte(line)
}

// word is a field of the header: printable ASCII of a length, "-" for none.
func word(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}
