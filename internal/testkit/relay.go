package testkit

import (
	"net"
	"sync"
)

// Relay stands between a broker and a server, so that the network between them can
// be made to stand still: connections stay open and nothing passes.
type Relay struct {
	// Address is the host:port that stands for the server's.
	Address string

	target   string
	listener net.Listener
	gate     sync.RWMutex // held for writing while frozen

	mu    sync.Mutex
	pairs []*pair
}

// pair is a connection and its continuation.
type pair struct {
	in, out net.Conn
	dead    chan struct{} // closed: what is sent is lost, and nobody is told
}

// NewRelay forwards to target until the test ends.
func NewRelay(t T, target string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: l.Addr().String(), target: target, listener: l}
	go r.serve()
	t.Cleanup(r.close)
	return r
}

// Freeze lets nothing pass until Thaw or Replace.
func (r *Relay) Freeze() { r.gate.Lock() }

// Thaw lets everything pass that waited.
func (r *Relay) Thaw() { r.gate.Unlock() }

// Replace ends a Freeze for new connections alone, as when the server's address
// moved to another machine: those that are open lead nowhere from now on.
func (r *Relay) Replace() {
	r.mu.Lock()
	for _, p := range r.pairs {
		close(p.dead)
	}
	r.pairs = nil
	r.mu.Unlock()
	r.gate.Unlock()
}

func (r *Relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		go r.join(in)
	}
}

func (r *Relay) join(in net.Conn) {
	r.gate.RLock() // nobody gets through a frozen network
	defer r.gate.RUnlock()
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = in.Close()
		return
	}
	p := &pair{in: in, out: out, dead: make(chan struct{})}
	r.mu.Lock()
	r.pairs = append(r.pairs, p)
	r.mu.Unlock()
	go r.copy(p, in, out)
	go r.copy(p, out, in)
}

func (r *Relay) copy(p *pair, to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		r.pass()
		select {
		case <-p.dead:
			_ = p.out.Close() // the server learns of it, the broker does not
			if err == nil {
				continue
			}
			return
		default:
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			_, _ = p.in.Close(), p.out.Close()
			return
		}
	}
}

// pass waits while the network is frozen.
func (r *Relay) pass() {
	r.gate.RLock()
	defer r.gate.RUnlock()
}

func (r *Relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.pairs {
		_, _ = p.in.Close(), p.out.Close()
	}
}
