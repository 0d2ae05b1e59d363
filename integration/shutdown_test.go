package integration

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// A broker that is told to stop answers who asked before, and nobody after.
func TestAStoppingBrokerFinishesWhatIsUnderWay(t *testing.T) {
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	hold := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				close(arrived)
				<-release
			}
			next.ServeHTTP(w, r)
		})
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	broker, err := app.Start(ctx, cfg, app.Options{Listener: d.Listener(), Log: &logBuffer{}, Wrap: hold})
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		res, err := http.Get(d.Issuer() + "/jwks")
		if err != nil {
			answered <- answer{err: err}
			return
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		answered <- answer{res.StatusCode, err}
	}()
	<-arrived
	interrupt()
	eventually(t, "nobody else is answered", func() bool {
		res, err := new(http.Client).Get(d.Issuer() + "/healthz")
		if err == nil {
			_ = res.Body.Close()
		}
		return err != nil
	})
	close(release)
	if got := <-answered; got.err != nil || got.status != http.StatusOK {
		t.Errorf("who asked before got %d, %v", got.status, got.err)
	}
	if err := broker.Wait(); err != nil {
		t.Errorf("the broker ended with %v", err)
	}
	// The data directory is free for the next one.
	again, err := app.Start(t.Context(), cfg, app.Options{Log: &logBuffer{}})
	if err != nil {
		t.Fatalf("the next start: %v", err)
	}
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

// Whoever spreads requests over replicas learns that one is going before it takes
// no more connections, and until then it serves.
func TestAStoppingBrokerSaysSoAndServesUntilItIsNoticed(t *testing.T) {
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	cfg, err := config.Load(d.ConfigFile(), []string{"GATEHOUSE_SHUTDOWN_DELAY=5s"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	broker, err := app.Start(ctx, cfg, app.Options{Listener: d.Listener(), Log: &logBuffer{}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) *http.Response {
		res, err := http.Get(d.Issuer() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	if ready, keys := get("/readyz"), get("/jwks"); ready.StatusCode != http.StatusOK || keys.Close {
		t.Fatalf("control: ready %d, connection closed %t", ready.StatusCode, keys.Close)
	}
	interrupt()
	eventually(t, "it says that it is going", func() bool { return get("/readyz").StatusCode == http.StatusServiceUnavailable })
	if keys := get("/jwks"); keys.StatusCode != http.StatusOK || !keys.Close {
		t.Errorf("it answers %d, connection closed %t", keys.StatusCode, keys.Close)
	}
	if err := broker.Wait(); err != nil {
		t.Errorf("the broker ended with %v", err)
	}
}
