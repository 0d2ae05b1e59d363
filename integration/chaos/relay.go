package main

import (
	"net"
	"sync"
)

// relay stands between a broker and a server, so that the network between them can
// be made to stand still: connections stay open and nothing passes.
type relay struct {
	target   string
	listener net.Listener

	mu   sync.Mutex
	gate sync.RWMutex // held for writing while frozen
	all  []net.Conn
}

// newRelay listens on loopback and forwards to target until it is closed.
func newRelay(target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{target: target, listener: l}
	go r.serve()
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) freeze() { r.gate.Lock() }
func (r *relay) thaw()   { r.gate.Unlock() }

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		go r.join(in)
	}
}

func (r *relay) join(in net.Conn) {
	r.gate.RLock() // a frozen network accepts nobody
	r.gate.RUnlock()
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = in.Close()
		return
	}
	r.mu.Lock()
	r.all = append(r.all, in, out)
	r.mu.Unlock()
	go r.copy(in, out)
	go r.copy(out, in)
}

func (r *relay) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		r.gate.RLock()
		_, failed := to.Write(buffer[:n])
		r.gate.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// close ends it with every connection.
func (r *relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.all {
		_ = c.Close()
	}
}
