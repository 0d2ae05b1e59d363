package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// rawCrypto measures signatures and verifications on one thread of this process.
func (b *bench) rawCrypto() (part, error) {
	digest := sha256.Sum256([]byte("what a token's signature covers"))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	ecSig, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	rsSig, err := rsa.SignPKCS1v15(rand.Reader, rs, crypto.SHA256, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	edPub, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	edSig := ed25519.Sign(ed, digest[:])
	primitives := []struct {
		name string
		op   func() bool
	}{
		{"ecdsa_p256_sign", func() bool { _, err := ecdsa.SignASN1(rand.Reader, ec, digest[:]); return err == nil }},
		{"ecdsa_p256_verify", func() bool { return ecdsa.VerifyASN1(&ec.PublicKey, digest[:], ecSig) }},
		{"rsa_2048_sign", func() bool {
			_, err := rsa.SignPKCS1v15(rand.Reader, rs, crypto.SHA256, digest[:])
			return err == nil
		}},
		{"rsa_2048_verify", func() bool { return rsa.VerifyPKCS1v15(&rs.PublicKey, crypto.SHA256, digest[:], rsSig) == nil }},
		{"ed25519_sign", func() bool { return len(ed25519.Sign(ed, digest[:])) > 0 }},
		{"ed25519_verify", func() bool { return ed25519.Verify(edPub, digest[:], edSig) }},
	}
	return func() error {
		for _, p := range primitives {
			if err := b.primitive(p.name, p.op); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (b *bench) primitive(name string, op func() bool) error {
	began, used, n := time.Now(), ownCPU(), 0
	for ; time.Since(began) < b.length/time.Duration(4*b.rounds); n++ {
		if !op() {
			return errors.New(name + " failed")
		}
	}
	us := float64((ownCPU() - used).Microseconds()) / float64(n)
	b.add(Row{Name: name, CPU: us, FloorOf: name, RPS: float64(n) / time.Since(began).Seconds()})
	return nil
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serveEcho is the bare server: it reads a small form and answers as many bytes
// as a token response has.
func serveEcho(addr string) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Println(l.Addr())
	answer := []byte(`{"access_token":"` + strings.Repeat("a", 700) + `","token_type":"Bearer","expires_in":300}`)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // whatever came, the answer is the same
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(answer) // the client may have gone
	})}
	return fmt.Errorf("serve: %w", server.Serve(l))
}

// bareServer measures a POST to a server that does nothing. It starts the server.
func (b *bench) bareServer(ctx context.Context) (measure part, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	p, addr, err := startPrinting(ctx, self, "-echo", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	const name = "http_echo"
	return func() error {
		return b.measure(p.pid(), nil, Row{Name: name, FloorOf: name}, 0, func(int) func(*http.Client) error {
			return func(c *http.Client) error {
				return expect(c, form("http://"+addr+"/", "grant_type=client_credentials&scope=payroll.read&resource=payroll-api"), http.StatusOK)
			}
		})
	}, p.stop, nil
}
