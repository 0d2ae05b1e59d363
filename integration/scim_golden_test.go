package integration

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/scimtest"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// openDoors lets everybody in who says "let me in".
type openDoors struct{ profile *scim.Profile }

func (openDoors) Authenticate(_ context.Context, connection, token, _ string) (identity.Ref, error) {
	if token != "let me in" {
		return identity.Ref{}, record.ErrToken
	}
	return identity.Ref{Kind: identity.KindToken, ID: connection}, nil
}

func (d openDoors) Profile(context.Context, string) (*scim.Profile, error) { return d.profile, nil }

// scimServer serves SCIM over a database, and returns its address.
func scimServer(t *testing.T, o storage.Options) string {
	t.Helper()
	o.Now, o.Log, o.Raised = time.Now, slog.New(slog.DiscardHandler), func(context.Context) error { return nil }
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	records := record.NewService(record.Options{
		Store: db.Records(), Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil }, Now: time.Now, Log: o.Log,
	})
	scim.New(scim.Options{
		Issuer: server.URL, Tokens: openDoors{}, Connections: openDoors{profile}, Users: records, Groups: records, Members: records, Batch: records, Now: time.Now, Log: o.Log,
	}).Mount(mux)
	return server.URL
}

func TestEntraAndOktaAreServedFromBothDatabases(t *testing.T) {
	t.Parallel()
	for engine, options := range map[string]func(*testing.T) storage.Options{
		"sqlite": func(t *testing.T) storage.Options { return storage.Options{Driver: storage.SQLite, Dir: tempDir(t)} },
		"postgres": func(t *testing.T) storage.Options {
			return storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			at, n := scimServer(t, options(t)), 0
			scimtest.Golden(t, func(*testing.T) scimtest.Target {
				n++ // each has a connection of its own
				return scimtest.Target{Base: at + "/scim/v2/c" + strconv.Itoa(n), Token: "let me in"}
			})
		})
	}
}
