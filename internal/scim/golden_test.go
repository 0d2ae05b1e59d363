package scim_test

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/scimtest"
)

var update = flag.Bool("update", false, "write what the golden files should have, to be looked at")

// stage is a server over a store in memory. Its connections are "acme" and "other";
// "off" is disabled.
type stage struct {
	*scimtest.Memory
	server *httptest.Server
	at     scimtest.Target
}

// doors lets in who has the token of a connection, which is its name and "-token".
type doors struct{ profile *scim.Profile }

func (doors) Authenticate(_ context.Context, connection, token, _ string) (identity.Ref, error) {
	if token != connection+"-token" {
		return identity.Ref{}, record.ErrToken
	}
	return identity.Ref{Kind: identity.KindToken, ID: connection}, nil
}

func (d doors) Profile(_ context.Context, connection string) (*scim.Profile, error) {
	if connection == "off" {
		return nil, fault.New(fault.Denied, "connection_disabled", "this connection is disabled")
	}
	return d.profile, nil
}

func open(t testing.TB, change ...func(*scim.Options)) *stage {
	t.Helper()
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, p, change...)
}

func openWith(t testing.TB, p *scim.Profile, change ...func(*scim.Options)) *stage {
	t.Helper()
	mux := http.NewServeMux()
	s := &stage{Memory: &scimtest.Memory{}, server: httptest.NewServer(mux)}
	t.Cleanup(s.server.Close)
	o := scim.Options{
		Issuer: s.server.URL, Tokens: doors{}, Connections: doors{p}, Users: s.Memory, Groups: s.Memory, Members: s.Memory, Batch: s.Memory, Operations: s.Memory,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	scim.New(o).Mount(mux)
	s.at = scimtest.Target{Base: s.server.URL + "/scim/v2/acme", Token: "acme-token"}
	return s
}

func TestClientsAreServedAsTheGoldenFilesSay(t *testing.T) {
	if !*update {
		scimtest.Golden(t, func(t *testing.T) scimtest.Target { return open(t).at })
		return
	}
	for _, name := range scimtest.Names(t) {
		_, got := scimtest.Play(t, name, open(t).at)
		if err := os.WriteFile(filepath.Join("scimtest", "testdata", name+".golden"), []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
