package sink_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/gatehouse-io/gatehouse/internal/sink"
)

// server keeps what a syslog server got, as an independent parser reads it.
type server struct {
	t   *testing.T
	got chan *rfc5424.SyslogMessage

	mu    sync.Mutex
	conns []net.Conn
}

func newServer(t *testing.T) *server {
	t.Helper()
	return &server{t: t, got: make(chan *rfc5424.SyslogMessage, 20000)}
}

func (s *server) take(m syslog.Message, err error) {
	if err != nil {
		s.t.Errorf("not RFC 5424: %v", err)
		return
	}
	s.got <- m.(*rfc5424.SyslogMessage)
}

// datagrams reads one message from each.
func (s *server) datagrams(network, address string) string {
	s.t.Helper()
	c, err := net.ListenPacket(network, address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, _, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.take(rfc5424.NewParser().Parse(buffer[:n]))
		}
	}()
	return c.LocalAddr().String()
}

// streams reads messages with their length before them.
func (s *server) streams(l net.Listener) {
	s.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
				if r.Error == nil || !errors.Is(r.Error, io.EOF) && r.Message != nil {
					s.take(r.Message, r.Error)
				}
			})).Parse(c)
		}
	}()
}

// hangUp ends every connection.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

func (s *server) next() *rfc5424.SyslogMessage {
	s.t.Helper()
	select {
	case m := <-s.got:
		return m
	case <-time.After(20 * time.Second):
		s.t.Fatal("no message came")
		return nil
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// certificate makes one for 127.0.0.1 and the file that vouches for it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func connect(t *testing.T, address, ca string) *sink.Syslog {
	t.Helper()
	s, err := sink.NewSyslog(sink.SyslogOptions{Address: address, Facility: "local3", CA: ca, App: "gatehouse", Host: "login example\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestMessagesReachASyslogServerOverEveryTransport(t *testing.T) {
	cert, ca := certificate(t)
	dir, err := os.MkdirTemp("", "syslog-") //nolint:usetesting // a path short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for transport, begin := range map[string]func(*server) string{
		"unix": func(s *server) string { return "unix://" + s.datagrams("unixgram", filepath.Join(dir, "log")) },
		"udp":  func(s *server) string { return "udp://" + s.datagrams("udp", "127.0.0.1:0") },
		"tcp":  func(s *server) string { l := listen(t); s.streams(l); return "tcp://" + l.Addr().String() },
		"tls": func(s *server) string {
			l := listen(t)
			s.streams(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
			return "tls://" + l.Addr().String()
		},
	} {
		t.Run(transport, func(t *testing.T) {
			s := newServer(t)
			address := begin(s)
			authority := ""
			if transport == "tls" {
				authority = ca
			}
			to := connect(t, address, authority)
			at := time.Date(2026, 11, 25, 9, 0, 0, 123456000, time.UTC)
			err := to.Send(t.Context(),
				sink.Message{Severity: sink.Notice, Time: at, ID: "token.issued", Text: `{"id":"1","text":"Zoë` + "\u2028" + `"}` + "\n"},
				sink.Message{Severity: sink.Error, Time: at, Text: strings.Repeat("x", 5000)})
			if err != nil {
				t.Fatal(err)
			}
			m := s.next()
			if *m.Priority != 19*8+5 || !m.Timestamp.Equal(at) || *m.Hostname != "loginexample" || *m.Appname != "gatehouse" || *m.MsgID != "token.issued" ||
				*m.Message != `{"id":"1","text":"Zoë`+"\u2028"+`"}` || m.StructuredData != nil {
				t.Errorf("%+v", m)
			}
			if m = s.next(); *m.Severity != 3 || m.MsgID != nil || len(*m.Message) != 5000 {
				t.Errorf("%+v", m)
			}
		})
	}
	t.Run("tls without anybody who vouches", func(t *testing.T) {
		l := listen(t)
		newServer(t).streams(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
		if err := connect(t, "tls://"+l.Addr().String(), "").Send(t.Context(), sink.Message{Text: "x"}); err == nil {
			t.Error("it was sent")
		}
	})
}

func TestAConnectionThatBreaksIsMadeAgain(t *testing.T) {
	s, l := newServer(t), listen(t)
	s.streams(l)
	to := connect(t, "tcp://"+l.Addr().String(), "")
	send := func(text string) error { return to.Send(t.Context(), sink.Message{Time: time.Now(), Text: text}) }
	if err := send("one"); err != nil || *s.next().Message != "one" {
		t.Fatalf("%v", err)
	}
	s.hangUp()
	// What is sent before the end is noticed is lost: nothing of syslog tells.
	deadline := time.After(20 * time.Second)
	for n := 0; ; n++ {
		if err := send("again " + strconv.Itoa(n)); err != nil {
			t.Fatalf("a server that is there: %v", err)
		}
		select {
		case <-s.got:
			return
		case <-deadline:
			t.Fatal("nothing comes any more")
		default:
		}
	}
}

func TestWhatIsNoSyslogServerIsRefused(t *testing.T) {
	for _, o := range []sink.SyslogOptions{
		{Address: "", Facility: "local0"},
		{Address: "localhost:514", Facility: "local0"},
		{Address: "http://a:1", Facility: "local0"},
		{Address: "udp://a", Facility: "local0"},
		{Address: "tcp://a:1/x", Facility: "local0"},
		{Address: "tcp://u:p@a:1", Facility: "local0"},
		{Address: "unix://", Facility: "local0"},
		{Address: "udp://a:1", Facility: "kernel"},
		{Address: "tls://a:1", Facility: "local0", CA: "/nowhere.pem"},
	} {
		if _, err := sink.NewSyslog(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}

func TestLogLinesNeverWaitForTheServerAndThoseLostAreCounted(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	_ = l.Close() // nobody is there
	q := sink.NewQueue(connect(t, "tcp://"+address, ""), time.Now)
	log := slog.New(slog.NewJSONHandler(q, nil))
	for range 10000 {
		log.Info("under load")
	}
	if q.Dropped() == 0 {
		t.Error("nothing was dropped, and nobody took it")
	}
	s := newServer(t)
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.streams(again)
	for m := s.next(); *m.MsgID != "dropped"; m = s.next() {
		if !strings.Contains(*m.Message, `"msg":"under load"`) || *m.Severity != 6 {
			t.Fatalf("%+v", m)
		}
	}
	log.Error("the last one")
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	for m := s.next(); !strings.Contains(*m.Message, "the last one"); m = s.next() {
		if *m.MsgID != "log" && *m.MsgID != "dropped" {
			t.Fatalf("%+v", m)
		}
	}
	log.Info("after the end") // is no fault
}
